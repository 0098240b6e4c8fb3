package bench

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

// readText reads the JSON of a result, and unpacks it if it is compressed by gzip. More
// than limit bytes of JSON are an error.
func readText(in io.Reader, limit int64) ([]byte, error) {
	buffered := bufio.NewReader(in)
	in = buffered
	if magic, _ := buffered.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		unpacked, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, badGzip(err)
		}
		in = unpacked
	}
	limited := &io.LimitedReader{R: in, N: limit + 1}
	content, err := io.ReadAll(limited)
	if err != nil {
		return nil, badGzip(err)
	}
	if limited.N == 0 {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	return content, nil
}

// badGzip returns an error of the kind [ErrNotJSON] for content that gzip cannot unpack,
// and any other error as it is.
func badGzip(err error) error {
	damaged := errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, new(flate.CorruptInputError))
	if damaged {
		return fmt.Errorf("%w: damaged gzip: %w", ErrNotJSON, err)
	}
	return err
}
