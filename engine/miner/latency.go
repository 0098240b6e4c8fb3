package miner

import (
	"slices"
	"time"
)

// maxLatencies is the number of times that the quantiles are made from.
const maxLatencies = 1000

// latencies are the last measured times of something.
type latencies struct {
	last  []time.Duration // a ring
	next  int
	count uint64
}

func (l *latencies) add(d time.Duration) {
	l.count++
	if len(l.last) < maxLatencies {
		l.last = append(l.last, d)
		return
	}
	l.last[l.next] = d
	l.next = (l.next + 1) % maxLatencies
}

// status returns the quantiles. Each is a time that was measured.
func (l *latencies) status() Latency {
	if len(l.last) == 0 {
		return Latency{}
	}
	sorted := slices.Sorted(slices.Values(l.last))
	at := func(percent int) time.Duration { return sorted[(len(sorted)*percent+99)/100-1] }
	return Latency{Count: l.count, P50: at(50), P99: at(99), Max: sorted[len(sorted)-1]}
}
