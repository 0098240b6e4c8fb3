// Package timing measures how long kernels take, so that the program can choose the
// fastest.
package timing

import "time"

// Shortest returns the shortest run of each work. They take turns for some time, and for so
// many turns at least: all see the same load of the machine, which can only slow a run down.
//
// A clock that stands still, as in a test with virtual time, ends the turns, and all times
// are 0.
func Shortest(turns int, during time.Duration, works ...func()) []time.Duration {
	shortest := make([]time.Duration, len(works))
	start := time.Now()
	for turn := 0; ; turn++ {
		if elapsed := time.Since(start); turn >= turns && (elapsed >= during || elapsed == 0) {
			return shortest
		}
		for i, work := range works {
			begin := time.Now()
			work()
			if d := time.Since(begin); turn == 0 || d < shortest[i] {
				shortest[i] = d
			}
		}
	}
}
