package verify

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"

	"stele/engine/blockfile"
)

// open opens a source that can be read until ctx ends, and decompresses it if it
// is compressed with gzip.
func open(ctx context.Context, src *Source) (io.Reader, io.Closer, error) {
	in, err := src.Open()
	if err != nil {
		return nil, nil, err
	}
	buffered := bufio.NewReader(contextReader{ctx, in})
	head, err := buffered.Peek(4)
	switch {
	case err != nil && err != io.EOF:
		return nil, nil, errors.Join(at(src, &blockfile.Error{
			Kind: err, Offset: int64(len(head)), Text: fmt.Sprintf("cannot read: %v", err),
		}), in.Close())
	case !isGzip(head):
		return buffered, in, nil
	}
	unpacked, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, nil, errors.Join(at(src, fmt.Errorf("gzip: %w", err)), in.Close())
	}
	return gzipReader{unpacked}, in, nil
}

// isGzip reports whether a stream begins like gzip (RFC 1952): two bytes of magic,
// the method deflate, and flags of which the upper three bits are zero. A header
// or block with these bytes would have a version 0x..088b1f without the bits of
// BIP 9, which none has.
func isGzip(head []byte) bool {
	return len(head) == 4 && head[0] == 0x1f && head[1] == 0x8b && head[2] == 8 && head[3]&0xe0 == 0
}

// gzipReader marks its errors as errors of gzip. None of them is
// io.ErrUnexpectedEOF itself, which would look like the end of a short stream.
type gzipReader struct{ in io.Reader }

func (r gzipReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("gzip: %w", err)
	}
	return n, err
}
