package chainfile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"stele/engine/pow"
)

// Writer writes a file. Not safe for concurrent use.
type Writer struct {
	out   *bufio.Writer
	count uint32
	last  pow.Hash
}

// NewWriter writes the head of a file. The caller writes blocks, and then calls
// [Writer.Close]. Errors of out come from there at the latest.
func NewWriter(out io.Writer, head Head) *Writer {
	w := &Writer{out: bufio.NewWriterSize(out, 1<<16)}
	b := append([]byte(magic), binary.LittleEndian.AppendUint32(nil, head.Network)...)
	b = append(b, head.Genesis[:]...)
	_, _ = w.out.Write(binary.LittleEndian.AppendUint32(b, head.First)) // Flush returns the error
	return w
}

// Write appends an encoded block. Blocks come in ascending order of height without a
// gap. Errors: those of the output.
func (w *Writer) Write(raw []byte) error {
	if len(raw) < pow.HeaderSize || len(raw) > maxBlockSize {
		return fmt.Errorf("a block of %d bytes: must be %d to %d", len(raw), pow.HeaderSize, maxBlockSize)
	}
	w.last = pow.Sum(raw[:pow.HeaderSize])
	w.count++
	_, err := w.out.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(raw))))
	_, werr := w.out.Write(raw)
	return errors.Join(err, werr)
}

// Close writes the end of the file. It does not close the output.
func (w *Writer) Close() error {
	b := binary.LittleEndian.AppendUint32(make([]byte, lengthSize), w.count)
	_, err := w.out.Write(append(b, w.last[:]...))
	return errors.Join(err, w.out.Flush())
}
