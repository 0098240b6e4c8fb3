package miner

import (
	"sort"
	"time"
)

// sample is what was finished until a time.
type sample struct {
	at       time.Duration // since the first sample
	nonces   uint64
	hits     uint64
	expected float64 // hits
}

// meter remembers counts that only grow, to tell how fast they did.
type meter struct {
	every, keep time.Duration
	start       time.Time
	before      uint64   // nonces at the start
	samples     []sample // oldest first
	last        sample   // the newest, also if it is not kept
}

// note adds a sample; its time is set. It is kept if the one before is old
// enough.
func (m *meter) note(now time.Time, s sample) {
	if m.start.IsZero() {
		m.start, m.before = now, s.nonces
	}
	s.at = now.Sub(m.start)
	m.last = s
	// A tick may come a little early.
	if n := len(m.samples); n > 0 && s.at-m.samples[n-1].at < m.every-m.every/8 {
		return
	}
	m.samples = append(m.samples, s)
	old := sort.Search(len(m.samples), func(i int) bool { return m.samples[i].at > s.at-m.keep })
	if old > 1 { // one that is older stays, so that the whole time is covered
		m.samples = m.samples[old-1:]
	}
}

// over returns what was finished in the last time: the difference of two
// samples, the older of which is that old, or the oldest there is.
func (m *meter) over(now time.Time, window time.Duration) sample {
	if len(m.samples) == 0 {
		return sample{}
	}
	from := now.Sub(m.start) - window
	i := sort.Search(len(m.samples), func(i int) bool { return m.samples[i].at > from })
	old := m.samples[max(i-1, 0)]
	return sample{m.last.at - old.at, m.last.nonces - old.nonces, m.last.hits - old.hits, m.last.expected - old.expected}
}

// rate returns the nonces per second of the last time.
func (m *meter) rate(now time.Time, window time.Duration) float64 {
	s := m.over(now, window)
	if s.at <= 0 {
		return 0
	}
	return float64(s.nonces) / s.at.Seconds()
}

func (m *meter) rates(now time.Time) Rates {
	r := Rates{
		Seconds10: m.rate(now, 10*time.Second),
		Minute1:   m.rate(now, time.Minute),
		Minutes15: m.rate(now, 15*time.Minute),
		Hour1:     m.rate(now, time.Hour),
	}
	if m.last.at > 0 {
		r.Mean = float64(m.last.nonces-m.before) / m.last.at.Seconds()
	}
	return r
}
