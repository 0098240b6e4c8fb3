package verify

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"

	"stele/engine/blockfile"
)

// open opens a source to be read until ctx ends, and unpacks it if it is packed
// with gzip.
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
	packed, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, nil, errors.Join(at(src, fmt.Errorf("gzip: %w", err)), in.Close())
	}
	return gzipReader{packed}, in, nil
}

// isGzip reports whether a stream begins as gzip does (RFC 1952): two bytes of
// magic, the method deflate, and flags of which the upper three bits are zero.
// As a header or block that would be of version 0x..088b1f, without the bits of
// BIP 9; there is none.
func isGzip(head []byte) bool {
	return len(head) == 4 && head[0] == 0x1f && head[1] == 0x8b && head[2] == 8 && head[3]&0xe0 == 0
}

// gzipReader says of its errors where they come from. None of them is
// io.ErrUnexpectedEOF itself, which would look like the end of a short stream.
type gzipReader struct{ in io.Reader }

func (r gzipReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("gzip: %w", err)
	}
	return n, err
}
