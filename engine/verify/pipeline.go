package verify

import (
	"context"
	"fmt"
	"io"
)

// pipeline carries batches of type B, in order, from a goroutine that reads to the
// caller of run, and back for reuse.
type pipeline[B any] struct {
	free chan B // ready to fill
	full chan B // filled, in the order of the stream
}

// newPipeline returns a pipeline of these batches.
func newPipeline[B any](batches ...B) *pipeline[B] {
	p := &pipeline[B]{free: make(chan B, len(batches)), full: make(chan B, len(batches))}
	for _, b := range batches {
		p.free <- b
	}
	return p
}

// take returns a batch to fill. The error is that of ctx.
func (p *pipeline[B]) take(ctx context.Context) (B, error) {
	select {
	case b := <-p.free:
		return b, ctx.Err()
	case <-ctx.Done():
		var none B
		return none, ctx.Err()
	}
}

// run calls read on a goroutine, which sends batches to p.full, and calls check for
// each of them on the caller's. When check fails, the context of read ends. After
// both are done, run returns the error of check, or else that of read.
func (p *pipeline[B]) run(ctx context.Context, read func(context.Context) error, check func(context.Context, B) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var reading, checking error
	go func() {
		defer close(p.full)
		reading = read(ctx)
	}()
	for b := range p.full {
		if checking == nil {
			if checking = check(ctx, b); checking != nil {
				cancel()
			}
		}
		p.free <- b
	}
	if checking != nil {
		return checking
	}
	return reading
}

// at prefixes an error with the name of its source.
func at(src *Source, err error) error {
	return fmt.Errorf("%s: %w", src.Name, err)
}

// contextReader reads from in until ctx ends.
type contextReader struct {
	ctx context.Context
	in  io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.in.Read(p)
}
