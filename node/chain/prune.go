package chain

import (
	"stele/node/headertree"
	"stele/node/store"
)

// pruneBelow adds to batch, which makes height that of the tip, the removal of
// the bodies that are then too deep. They go on all branches: none of those can
// be connected any more.
func (c *Chain) pruneBelow(batch *store.Batch, height uint32) {
	if c.keep == 0 || height < c.keep {
		return
	}
	for _, n := range c.bodies[height-c.keep] {
		batch.Prune(n.Hash)
	}
}

// notePruned notes what pruneBelow did, once the batch is committed.
func (c *Chain) notePruned(height uint32) {
	if c.keep == 0 || height < c.keep {
		return
	}
	delete(c.bodies, height-c.keep)
	c.pruned = max(c.pruned, height-c.keep+1)
}

// pruneAll removes the bodies that a former Options.Keep has left.
func (c *Chain) pruneAll() error {
	if c.keep == 0 || c.node.Height < c.keep {
		return nil
	}
	const atOnce = 1000 // blocks
	batch, n := c.store.NewBatch(), 0
	for height := range c.node.Height - c.keep + 1 {
		c.pruneBelow(batch, height+c.keep)
		c.notePruned(height + c.keep)
		if n++; n == atOnce {
			if err := batch.Commit(); err != nil {
				return err
			}
			batch, n = c.store.NewBatch(), 0
		}
	}
	return batch.Commit()
}

// findPruned sets the height below which bodies of the chain are missing. Bodies
// are those that are stored, of all branches.
func (c *Chain) findPruned(bodies []*headertree.Node) {
	stored := map[*headertree.Node]bool{}
	for _, n := range bodies {
		stored[n] = true
	}
	for n := c.node; n.Parent != nil; n = n.Parent {
		if !stored[n] {
			c.pruned = n.Height + 1
			return
		}
	}
}
