package chain

import (
	"stele/node/ledger/headertree"
	"stele/node/store"
)

// pruneBelow adds to batch the removal of the bodies that are too deep below a tip at
// height, on all branches: none of those can be connected any more. That is true
// only once the chain has reached its best block: on the way there, a block can turn
// out to be invalid, and the way back needs the bodies and undo data of both
// branches, however long they are.
func (c *Chain) pruneBelow(batch *store.Batch, height uint32) {
	if c.keep == 0 {
		return
	}
	for h := c.pruned.Load(); h+c.keep <= height; h++ {
		for _, n := range c.bodies[h] {
			batch.Prune(n.Hash)
		}
	}
}

// notePruned notes the removals of pruneBelow, once the batch is committed.
func (c *Chain) notePruned(height uint32) {
	if c.keep == 0 {
		return
	}
	pruned := c.pruned.Load()
	for ; pruned+c.keep <= height; pruned++ {
		delete(c.bodies, pruned)
	}
	c.pruned.Store(pruned)
}

// prune removes the bodies that are too deep below the tip, which must be the best
// block: those that a reorganisation or a former Options.Keep has left.
func (c *Chain) prune() error {
	const atOnce = 1000 // heights
	for c.keep > 0 && c.pruned.Load()+c.keep <= c.storeTip.Height {
		height := min(c.storeTip.Height, c.pruned.Load()+c.keep+atOnce-1)
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
