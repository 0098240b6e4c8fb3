package p2p

import (
	"sync"

	"stele/internal/wake"
)

// queue holds work of the loop for other goroutines, in order. It has no bound of its
// own: its user has one. Make one with newQueue. Safe for concurrent use.
type queue[T any] struct {
	more wake.Signal // something was put in, or is left

	mu    sync.Mutex
	items []T
}

func newQueue[T any]() queue[T] { return queue[T]{more: wake.New()} }

// put adds an item at the end. It never blocks.
func (q *queue[T]) put(x T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = append(q.items, x)
	q.more.Wake()
}

// take removes the first item, and reports whether there is one.
func (q *queue[T]) take() (x T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return x, false
	}
	x, q.items = q.items[0], q.items[1:]
	if len(q.items) > 0 {
		q.more.Wake() // for another goroutine
	}
	return x, true
}
