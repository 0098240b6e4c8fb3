package export

import (
	"bufio"
	"encoding/hex"
	"hash"
	"io"

	"github.com/minio/sha256-simd"
)

// output counts and hashes what is written. It hands it on in pieces of 64 kB.
type output struct {
	buf   *bufio.Writer
	bytes uint64
	hash  hash.Hash
}

const pieceSize = 64 << 10

func newOutput(w io.Writer) *output {
	return &output{buf: bufio.NewWriterSize(w, pieceSize), hash: sha256.New()}
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.hash.Write(p)
	o.bytes += uint64(len(p))
	return o.buf.Write(p)
}

func (o *output) flush() error { return o.buf.Flush() }

// sum returns the SHA-256 of all that was written, in hex.
func (o *output) sum() string { return hex.EncodeToString(o.hash.Sum(nil)) }

// encoder writes rows in one format.
type encoder interface {
	row(values []value) error
	close() error // after the last row
}

func newEncoder(f Format, w io.Writer, t Table) encoder {
	switch f {
	case CSV:
		return newCSV(w, t)
	case Parquet:
		return newParquet(w, t)
	}
	return newJSONLines(w, t)
}
