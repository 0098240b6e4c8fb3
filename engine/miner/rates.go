package miner

import (
	"time"

	"stele/internal/rate"
)

// nonces counts nonces that devices have finished.
type nonces uint64

// Sub implements [rate.Counts].
func (n nonces) Sub(earlier nonces) nonces { return n - earlier }

// progress is what devices have finished.
type progress struct {
	nonces   nonces
	hits     uint64
	expected float64 // hits
}

// Sub implements [rate.Counts].
func (p progress) Sub(earlier progress) progress {
	return progress{p.nonces - earlier.nonces, p.hits - earlier.hits, p.expected - earlier.expected}
}

// newCounted returns what [ratesOf] needs.
func newCounted() rate.Window[nonces] {
	return rate.Window[nonces]{Every: time.Second, Keep: time.Hour}
}

// ratesOf returns the rates of the nonces that were counted, in nonces per second.
func ratesOf(counted *rate.Window[nonces], now time.Time) Rates {
	over := func(window time.Duration) float64 { return rate.PerSecond(counted.Over(now, window)) }
	return Rates{
		Seconds10: over(10 * time.Second),
		Minute1:   over(time.Minute),
		Minutes15: over(15 * time.Minute),
		Hour1:     over(time.Hour),
		Mean:      rate.PerSecond(counted.Total()),
	}
}
