package verify

import (
	"context"
	"fmt"
	"io"

	"stele/engine/blockfile"
	"stele/engine/pow"
)

// maxHeadersInBatch bounds the headers of a batch: so many that the overhead of a
// batch does not matter, and so few that memory stays small.
const maxHeadersInBatch = 1 << 16

// Headers checks the encoded headers of 80 bytes, one after the other, in src. The
// report covers all that was read, also if there is an error: that of opening or
// reading src, of ctx or of the engine; [ErrEmpty]; or a [*blockfile.Error] of
// kind [blockfile.ErrTruncated] if src ends inside a header.
func Headers(ctx context.Context, e Engine, src Source, opts Options) (Report, error) {
	j := newJudge(e, opts)
	in, closer, err := open(ctx, &src)
	if err != nil {
		return j.finish(false), err
	}
	defer closer.Close()

	var batches []*batch
	for range 3 { // one is read, one is checked, one waits
		batches = append(batches, &batch{source: &src})
	}
	p := newPipeline(batches...)
	read := func(ctx context.Context) error { return readHeaders(ctx, in, &src, p) }
	err = p.run(ctx, read, j.check)
	if err == nil && j.report.Items == 0 {
		err = fmt.Errorf("%s: %w: the file is empty, expected headers of %d bytes", src.Name, ErrEmpty, pow.HeaderSize)
	}
	return j.finish(false), err
}

// readHeaders fills batches until in ends.
func readHeaders(ctx context.Context, in io.Reader, src *Source, p *pipeline[*batch]) error {
	for offset := int64(0); ; {
		b, err := p.take(ctx)
		if err != nil {
			return err
		}
		if b.room == nil {
			b.room = make([]byte, (1+maxHeadersInBatch)*pow.HeaderSize)
		}
		n, err := io.ReadFull(in, b.room[pow.HeaderSize:cap(b.room)])
		rest := n % pow.HeaderSize
		if n -= rest; n > 0 {
			start := offset
			b.room = b.room[:pow.HeaderSize+n]
			b.offset = func(item int) int64 { return start + int64(item)*pow.HeaderSize }
			b.bytes = int64(n)
			p.full <- b
			offset += int64(n)
		}
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF && rest == 0:
			return nil
		case err == io.ErrUnexpectedEOF:
			return at(src, &blockfile.Error{
				Kind:   blockfile.ErrTruncated,
				Offset: offset,
				Text:   fmt.Sprintf("the file ends inside a header: expected %d bytes, got %d", pow.HeaderSize, rest),
			})
		case err != nil:
			return at(src, &blockfile.Error{
				Kind:   err,
				Offset: offset + int64(rest),
				Text:   fmt.Sprintf("cannot read: %v", err),
			})
		}
	}
}
