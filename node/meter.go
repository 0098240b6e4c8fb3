package node

import (
	"context"
	"time"

	"stele/node/chain"
)

// meterSpan is the time over which a meter takes its mean.
const meterSpan = 10 * time.Second

// meter makes a rate of a count that only grows. The zero value is ready. It is
// not safe for concurrent use.
type meter struct {
	samples []sample // oldest first
}

type sample struct {
	at    time.Time
	count uint64
}

// add tells the count at a time. Times do not go back. One sample older than
// meterSpan is kept, so that the rate is always over the whole span.
func (m *meter) add(at time.Time, count uint64) {
	m.samples = append(m.samples, sample{at, count})
	old := at.Add(-meterSpan)
	for len(m.samples) > 2 && !m.samples[1].at.After(old) {
		m.samples = m.samples[1:]
	}
}

// rate returns how much the count grows in a second, 0 if that is not yet known.
func (m *meter) rate() float64 {
	if len(m.samples) < 2 {
		return 0
	}
	first, last := m.samples[0], m.samples[len(m.samples)-1]
	elapsed := last.at.Sub(first.at).Seconds()
	if elapsed <= 0 || last.count < first.count {
		return 0
	}
	return float64(last.count-first.count) / elapsed
}

// meters are what a node measures.
type meters struct {
	accepted, connected meter
	devices             map[string]*meter // by ID
}

// measureEvery is how often the counts are read.
const measureEvery = 500 * time.Millisecond

// measure reads the counts until ctx ends.
func (n *Node) measure(ctx context.Context) {
	ticker := time.NewTicker(measureEvery)
	defer ticker.Stop()
	for {
		n.sample(time.Now())
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (n *Node) sample(now time.Time) {
	accepted := n.pool.Stats().Counts.Accepted
	n.mu.Lock()
	defer n.mu.Unlock()
	n.meters.accepted.add(now, accepted)
	n.meters.connected.add(now, n.connected)
	n.tally.look(n.chain.View(), n.chain.NextContext())
	if n.miner == nil {
		return
	}
	for _, d := range n.miner.engine.Status() {
		m := n.meters.devices[d.Info.ID]
		if m == nil {
			m = new(meter)
			if n.meters.devices == nil {
				n.meters.devices = map[string]*meter{}
			}
			n.meters.devices[d.Info.ID] = m
		}
		m.add(now, d.Nonces)
	}
}

// mostIntervals is how many intervals between blocks a node remembers.
const mostIntervals = 60

// blockTimes are the intervals between the last blocks. After a start they are
// those of the headers; then those at which this node took the blocks, which
// tell more than whole seconds.
type blockTimes struct {
	intervals []time.Duration // oldest first
	last      time.Time       // since when there is no block
	tipSeen   time.Time
}

// seed reads the times of the last headers. That of block 0 means nothing: it
// was fixed long before.
func (b *blockTimes) seed(c *chain.Chain, now time.Time) {
	tip := c.Tip()
	b.tipSeen, b.last = unix(tip.Header.Time), now
	first := uint32(1)
	if tip.Height > mostIntervals {
		first = tip.Height - mostIntervals
	}
	for height := first; height < tip.Height; height++ {
		h, ok := c.HeaderAt(height)
		next, ok2 := c.HeaderAt(height + 1)
		if ok && ok2 {
			b.intervals = append(b.intervals, unix(next.Time).Sub(unix(h.Time)))
		}
	}
}

// change adds the blocks of a change.
func (b *blockTimes) change(change chain.Change, now time.Time) {
	left := max(0, len(b.intervals)-len(change.Disconnected))
	b.intervals = b.intervals[:left]
	for range change.Connected {
		b.intervals = append(b.intervals, now.Sub(b.last))
		b.last = now
	}
	if more := len(b.intervals) - mostIntervals; more > 0 {
		b.intervals = append([]time.Duration(nil), b.intervals[more:]...)
	}
	b.tipSeen = now
}

func unix(seconds uint32) time.Time { return time.Unix(int64(seconds), 0) }
