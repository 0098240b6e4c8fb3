package miner

import (
	"time"

	"stele/internal/rate"
	"stele/internal/stat"
)

// estimateWindow is the window of the shares that the estimate is made from.
const estimateWindow = 6 * time.Hour

// disagreement is the probability below which the counted rate and the shares
// disagree.
const disagreement = 1e-4

// estimateRate estimates the hash rate from the hits among finished nonces.
//
// The number of shares is a Poisson variable. If the counted nonces were really
// searched, its mean is known, whatever the difficulties were: the sum over the
// nonces of the probability of a share. So the true rate is the counted one times
// shares/mean.
func estimateRate(p progress, elapsed time.Duration) Estimate {
	e := Estimate{Window: elapsed, Shares: p.hits}
	if elapsed <= 0 || p.expected <= 0 {
		return e
	}
	low, high := stat.PoissonBounds(p.hits)
	perShare := rate.PerSecond(p.nonces, elapsed) / p.expected
	e.Rate, e.Low, e.High = float64(p.hits)*perShare, low*perShare, high*perShare
	e.Disagrees = stat.PoissonTail(p.hits, p.expected) < disagreement
	return e
}
