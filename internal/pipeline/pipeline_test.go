package pipeline

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type number struct{ n, prepared int }

// numbers returns n items, and counts those that were taken.
func numbers(n int, taken *atomic.Int64) iter.Seq[*number] {
	return func(yield func(*number) bool) {
		for i := range n {
			taken.Add(1)
			if !yield(&number{n: i}) {
				return
			}
		}
	}
}

func prepare(i *number) { i.prepared++ }

// All items are used, in order, and were prepared once before, however long each step
// takes.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 50).Draw(rt, "items")
		workers := rapid.IntRange(1, 5).Draw(rt, "workers")
		pauses := rapid.SliceOfN(rapid.IntRange(0, 3), n+1, n+1).Draw(rt, "pauses")
		synctest.Test(t, func(t *testing.T) {
			var taken atomic.Int64
			var got, want []number
			for i := range n {
				want = append(want, number{i, 1})
			}
			err := Run(t.Context(), workers, numbers(n, &taken), func(i *number) {
				time.Sleep(time.Duration(pauses[i.n]))
				prepare(i)
			}, func(i *number) error {
				time.Sleep(time.Duration(pauses[n-i.n]))
				got = append(got, *i)
				return nil
			})
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%v, %v, want %v", got, err, want)
			}
		})
	})
}

// The first error of use ends the run, and the source is not read to its end.
func TestError(t *testing.T) {
	broken := errors.New("broken")
	var taken atomic.Int64
	used := 0
	err := Run(t.Context(), 2, numbers(1000, &taken), prepare, func(i *number) error {
		if used++; i.n == 3 {
			return broken
		}
		return nil
	})
	if err != broken || used != 4 || taken.Load() > 4+2*2+1 {
		t.Errorf("%v after %d of %d items", err, used, taken.Load())
	}
}

// A run whose context ends returns its error, after all goroutines have ended.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var taken atomic.Int64
	used := 0
	err := Run(ctx, 2, numbers(1000, &taken), prepare, func(*number) error {
		used++
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || used != 1 {
		t.Errorf("%v after %d items", err, used)
	}
}

// Several workers prepare at the same time, and no more than there are.
func TestWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var taken, busy, most atomic.Int64
		err := Run(t.Context(), 3, numbers(20, &taken), func(*number) {
			most.Store(max(most.Load(), busy.Add(1)))
			time.Sleep(time.Second)
			busy.Add(-1)
		}, func(*number) error { return nil })
		if err != nil || most.Load() != 3 {
			t.Errorf("%d at a time, %v", most.Load(), err)
		}
	})
}
