package engine

import (
	"sync"
	"time"
)

// speed is a smoothed speed in items per second. The zero value is unknown.
// It is not a rate over a window of time: each measurement counts by its amount
// of work, so that it follows a device within a few pieces.
// Safe for concurrent use.
type speed struct {
	mu    sync.Mutex
	value float64
}

// add adds a measurement: items done in a time. A piece smaller than the full
// one, which takes the time full at the known speed, counts less: the pieces at
// the end of a range are so small that their time is mostly overhead.
func (s *speed) add(items uint64, took, full time.Duration) {
	if items == 0 {
		return
	}
	measured := float64(items) / max(took, time.Microsecond).Seconds()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.value == 0 {
		s.value = measured
		return
	}
	weight := min(float64(items)/(s.value*full.Seconds()), 1) / 2
	s.value += weight * (measured - s.value)
}

// perSecond returns the speed, or guess if nothing was measured.
func (s *speed) perSecond(guess float64) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.value == 0 {
		return guess
	}
	return s.value
}
