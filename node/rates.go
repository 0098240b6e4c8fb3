package node

import (
	"context"
	"time"

	"stele/internal/rate"
)

// rateSpan is the time over which a rate is the mean.
const rateSpan = 10 * time.Second

// measureEvery is the time between two readings of the counts.
const measureEvery = 500 * time.Millisecond

// rates are how fast the records of a node grow, in records per second.
type rates struct {
	accepted, connected rate.Window[rate.Count]
}

func newRates() rates {
	window := rate.Window[rate.Count]{Every: measureEvery, Keep: rateSpan}
	return rates{accepted: window, connected: window}
}

// perSecond returns the mean of the last rateSpan, 0 if that is not known yet.
func perSecond(w *rate.Window[rate.Count], now time.Time) float64 {
	return rate.PerSecond(w.Over(now, rateSpan))
}

// measure reads the counts and follows the chain until ctx ends.
func (n *Node) measure(ctx context.Context) {
	ticker := time.NewTicker(measureEvery)
	defer ticker.Stop()
	n.sample(time.Now())
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			now := time.Now()
			n.sample(now)
			n.followPeers(now)
		case <-n.changes.C():
			n.mu.Lock()
			n.follow()
			n.mu.Unlock()
		}
	}
}

func (n *Node) sample(now time.Time) {
	accepted := n.pool.Stats().Counts.Accepted
	n.mu.Lock()
	defer n.mu.Unlock()
	n.follow()
	n.rates.accepted.Add(now, rate.Count(accepted))
	n.rates.connected.Add(now, rate.Count(n.mined))
	n.tally.refresh(n.chain.View(), n.chain.NextContext())
}
