package chain

import (
	"time"

	"stele/node/ledger/headertree"
)

// minDeep is how many blocks a deep reorganisation disconnects at least: whoever waits
// for six confirmations has been deceived.
const minDeep = 6

// deepReorg is a reorganisation that disconnected at least minDeep blocks.
type deepReorg struct {
	depth int
	at    time.Time
}

// DeepReorg returns how many blocks the last reorganisation disconnected that took 6 or
// more off the chain, and when that was. Depth is 0 if there was none since the chain
// was opened. Safe for concurrent use.
func (c *Chain) DeepReorg() (depth int, at time.Time) {
	if last := c.deep.Load(); last != nil {
		return last.depth, last.at
	}
	return 0, time.Time{}
}

// depth returns how many blocks a reorganisation that is under way has disconnected.
func (c *Chain) depth() int {
	return int(c.settledTip.Height - headertree.ForkPoint(c.settledTip, c.storeTip).Height)
}

// noteReorg logs a reorganisation that has ended, if there was one, and remembers a deep
// one.
func (c *Chain) noteReorg() {
	depth := c.depth()
	if depth == 0 {
		return
	}
	fork := c.settledTip.Height - uint32(depth)
	args := []any{"depth", depth, "fork", fork, "connected", c.storeTip.Height - fork, "tip", c.storeTip.Hash}
	if depth < minDeep {
		c.log.Info("reorganisation", args...)
		return
	}
	c.deep.Store(&deepReorg{depth: depth, at: c.clock()})
	c.log.Warn("deep reorganisation", args...)
}
