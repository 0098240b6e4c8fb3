// Package pipeline prepares items in parallel and uses them in order.
//
// [Run] is for a long stream of which most of the work can be done ahead, such as the
// blocks of a chain: one goroutine reads, several prepare, and the caller uses one item
// after the other.
package pipeline

import (
	"context"
	"iter"
	"sync"
)

// Run takes items from source, calls prepare for several of them at a time, and use for
// each in the order of the source. One goroutine reads the source, workers (at least one)
// prepare, and use runs on the goroutine of the caller. So source and use need no lock of
// their own; prepare must be safe for concurrent use.
//
// At most 2*workers + 2 items are in memory: those that wait, one that comes next, and the
// one in use.
//
// Run ends after the last item, with the first error of use, or when ctx ends. All its
// goroutines have ended then. So it waits for a source that is blocked.
func Run[T any](ctx context.Context, workers int, source iter.Seq[T], prepare func(T), use func(T) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()

	work := make(chan *item[T])
	order := make(chan *item[T], 2*workers)
	group.Go(func() {
		defer close(order)
		defer close(work)
		for value := range source {
			i := &item[T]{value: value, prepared: make(chan struct{})}
			if !send(ctx, order, i) || !send(ctx, work, i) {
				return
			}
		}
	})
	for range workers {
		group.Go(func() {
			for i := range work {
				prepare(i.value)
				close(i.prepared)
			}
		})
	}
	for i := range order {
		select {
		case <-i.prepared:
		case <-ctx.Done():
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := use(i.value); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// item is a value on its way.
type item[T any] struct {
	value    T
	prepared chan struct{} // closed when it is
}

// send reports whether i was sent before ctx ended.
func send[T any](ctx context.Context, to chan<- *item[T], i *item[T]) bool {
	select {
	case to <- i:
		return true
	case <-ctx.Done():
		return false
	}
}
