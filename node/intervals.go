package node

import (
	"time"

	"stele/node/chain"
)

// maxIntervals is the number of intervals between blocks that a node remembers.
const maxIntervals = 60

// blockTimes are the intervals between the last blocks. After a start they are
// those of the headers, in whole seconds; then the finer ones at which this node
// connected the blocks.
type blockTimes struct {
	intervals []time.Duration // oldest first
	last      time.Time       // of the last block, or of the start
	tipSeen   time.Time
}

// seed reads the times of the last headers. That of block 0 does not count: it was
// chosen long before.
func (b *blockTimes) seed(c *chain.Chain, now time.Time) {
	tip := c.Tip()
	b.tipSeen, b.last = unix(tip.Header.Time), now
	first := uint32(1)
	if tip.Height > maxIntervals {
		first = tip.Height - maxIntervals
	}
	for height := first; height < tip.Height; height++ {
		h, ok := c.HeaderAt(height)
		next, ok2 := c.HeaderAt(height + 1)
		if ok && ok2 {
			b.intervals = append(b.intervals, unix(next.Time).Sub(unix(h.Time)))
		}
	}
}

// change notes at a time how many blocks have left the chain and joined it.
func (b *blockTimes) change(disconnected, connected int, now time.Time) {
	left := max(0, len(b.intervals)-disconnected)
	b.intervals = b.intervals[:left]
	for range connected {
		b.intervals = append(b.intervals, now.Sub(b.last))
		b.last = now
	}
	if more := len(b.intervals) - maxIntervals; more > 0 {
		b.intervals = append([]time.Duration(nil), b.intervals[more:]...)
	}
	b.tipSeen = now
}

func unix(seconds uint32) time.Time { return time.Unix(int64(seconds), 0) }
