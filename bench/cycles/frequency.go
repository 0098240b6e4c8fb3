package cycles

import "time"

const (
	// chainSteps are the additions of a turn of the chain.
	chainSteps = 64
	// A run of the chain is chainTurns turns, about 6 microseconds at 4 GHz: much longer
	// than a step of the clock. The fastest of chainRuns runs counts.
	chainTurns = 400
	chainRuns  = 5
)

// Frequency returns the clock of the core that it runs on, in hertz; 0 if there is no
// chain for this kind of processor. It takes about 30 microseconds. Safe for concurrent
// use: each caller measures its own core.
func Frequency() float64 {
	if !hasChain {
		return 0
	}
	fastest := time.Duration(1<<63 - 1)
	for range chainRuns {
		start := time.Now()
		chain(chainTurns)
		if took := time.Since(start); took > 0 {
			fastest = min(fastest, took)
		}
	}
	return chainTurns * chainSteps / fastest.Seconds()
}
