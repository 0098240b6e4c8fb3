package timing

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// Each work has the time of its shortest run; runs that other load has slowed down do not
// count.
func TestShortest(t *testing.T) {
	const ms = time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		runs := make([]int, 3)
		work := func(i int, times ...time.Duration) func() { // runs that take times, in turn
			return func() {
				time.Sleep(times[runs[i]%len(times)])
				runs[i]++
			}
		}
		for _, c := range []struct {
			turns  int
			during time.Duration
			want   int // turns
		}{
			{4, 0, 4},
			{4, 12 * ms, 4},
			{4, 100 * ms, 8}, // 26 ms in two turns
			{4, 101 * ms, 8},
		} {
			clear(runs)
			got := Shortest(c.turns, c.during, work(0, 9*ms, 3*ms), work(1, 2*ms, 8*ms), work(2, 2*ms))
			if want := []time.Duration{3 * ms, 2 * ms, 2 * ms}; !slices.Equal(got, want) {
				t.Errorf("%+v: %v, want %v", c, got, want)
			}
			if want := []int{c.want, c.want, c.want}; !slices.Equal(runs, want) {
				t.Errorf("%+v: turns %v, want %v", c, runs, want)
			}
		}
	})
}

func TestShortestWithoutAClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		if got := Shortest(3, time.Second, func() { runs++ }); got[0] != 0 || runs != 3 {
			t.Errorf("%v after %d runs", got, runs)
		}
	})
}
