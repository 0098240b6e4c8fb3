package link

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// BudgetBytes is the usual size of a [Budget].
const BudgetBytes = 32 << 20

// Budget bounds the bytes of the frames over 64 kB that all links together read or
// handle at one time. Frames get their share in the order in which they ask. Make one
// with [NewBudget]. Safe for concurrent use.
type Budget struct {
	size  int64
	bytes *semaphore.Weighted
}

// NewBudget returns a budget of size bytes.
func NewBudget(size int) *Budget { return &Budget{int64(size), semaphore.NewWeighted(int64(size))} }

// acquire waits for n bytes, or for all of a smaller budget. It returns the function
// that returns them, or the error of the context.
func (b *Budget) acquire(ctx context.Context, n int) (release func(), err error) {
	share := min(int64(n), b.size)
	if err := b.bytes.Acquire(ctx, share); err != nil {
		return nil, err
	}
	return func() { b.bytes.Release(share) }, nil
}
