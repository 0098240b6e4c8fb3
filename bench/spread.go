package bench

import (
	"context"
	"sync"
	"sync/atomic"
)

// partStep divides the bounds of the parts of spread: kernels have 16 lanes or fewer, or
// take two groups of eight.
const partStep = 16

// spread cuts the items from first to first+count into parts of nearly the same size, at
// most most items each, and lets threads goroutines do them. Do gets the number of the
// goroutine and the bounds of a part. The error is that of ctx.
func spread(ctx context.Context, threads, first, count, most int, do func(thread, from, to int)) error {
	parts := (count + most - partStep - 1) / (most - partStep)
	parts = (parts + threads - 1) / threads * threads
	bound := func(i int) int {
		if i == parts {
			return first + count
		}
		return first + count*i/parts/partStep*partStep
	}
	var next atomic.Int64
	work := func(thread int) {
		for i := int(next.Add(1)) - 1; i < parts && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
			if from, to := bound(i), bound(i+1); from < to {
				do(thread, from, to)
			}
		}
	}
	var others sync.WaitGroup
	for thread := 1; thread < threads; thread++ {
		others.Go(func() { work(thread) })
	}
	work(0)
	others.Wait()
	return context.Cause(ctx)
}
