package chain

import (
	"stele/node/ledger/headertree"
	"stele/node/store"
)

// maxNeeded is how many bodies more than Options.Keep are kept for Options.Needed.
const maxNeeded = 1000

// oldest returns the height below which bodies may be removed if the tip is at a height.
func (c *Chain) oldest(height uint32) uint32 {
	if c.keep == 0 || height < c.keep {
		return 0
	}
	oldest := height - c.keep + 1
	if c.needed == nil {
		return oldest
	}
	needed := c.needed()
	if fork := headertree.ForkPoint(c.settledTip, c.storeTip); fork != c.settledTip {
		needed = min(needed, fork.Height+1) // who follows has blocks to take back, and does not know it yet
	}
	return min(oldest, max(needed, oldest-min(oldest, maxNeeded)))
}

// pruneBelow adds to batch the removal of the bodies below a height, on all branches:
// none of those can be connected any more. That is true only once the chain has reached
// its best block: on the way there, a block can turn out to be invalid, and the way back
// needs the bodies and undo data of both branches, however long they are.
func (c *Chain) pruneBelow(batch *store.Batch, height uint32) {
	for h := c.pruned.Load(); h < height; h++ {
		for _, n := range c.bodies[h] {
			batch.Prune(n.Hash)
		}
	}
}

// notePruned notes the removals of pruneBelow, once the batch is committed.
func (c *Chain) notePruned(height uint32) {
	pruned := c.pruned.Load()
	for ; pruned < height; pruned++ {
		delete(c.bodies, pruned)
	}
	c.pruned.Store(pruned)
}

// prune removes the bodies that are too deep below the tip, which must be the best
// block: those that a reorganisation or a former Options.Keep has left.
func (c *Chain) prune() error {
	const atOnce = 1000 // heights
	oldest := c.oldest(c.storeTip.Height)
	for c.pruned.Load() < oldest {
		height := min(oldest, c.pruned.Load()+atOnce)
		batch := c.store.NewBatch()
		c.pruneBelow(batch, height)
		if err := batch.Commit(); err != nil {
			return err
		}
		c.notePruned(height)
	}
	return nil
}

// findPruned sets the height below which bodies of the chain are missing. Bodies
// are those that are stored, of all branches.
func (c *Chain) findPruned(bodies []*headertree.Node) {
	stored := map[*headertree.Node]bool{}
	for _, n := range bodies {
		stored[n] = true
	}
	for n := c.storeTip; n.Parent != nil; n = n.Parent {
		if !stored[n] {
			c.pruned.Store(n.Height + 1)
			return
		}
	}
}
