package chain

import (
	"time"

	"stele/node/store"
)

// While a node catches up, a synced commit for each block would take most of the time.
// What a crash undoes then, the peers have. So commits are synced in groups: after
// maxUnsynced of them, or with the first one that comes syncEvery after the last sync.
// The store has a bound in bytes too. Since each commit is whole and their order holds,
// a crash leaves a shorter chain, never a broken one.
//
// A reorganisation of at least longWay blocks is synced once, at its end. The steps of a
// shorter one are synced one by one: if the disk becomes full on the way, the store can
// still be read (see package store).
const (
	maxUnsynced = 512
	syncEvery   = time.Second
	longWay     = 32
)

// CatchUp says whether the node is catching up with its peers. While it is, blocks
// survive a crash only some time after Submit has returned: commits are synced after 512
// blocks, or with the next one after a second; [Chain.Sync] does it earlier. CatchUp(false) syncs what is left; if that fails, the next Submit
// reports it. It does not wait for a block that is being connected. Safe for concurrent
// use.
func (c *Chain) CatchUp(on bool) {
	if was := c.catchingUp.Swap(on); !was || on {
		return
	}
	if err := c.store.Sync(); err != nil {
		c.log.Warn("sync failed", "err", err)
	}
}

// Sync makes all blocks durable for which Submit has returned. It does not wait for a
// block that is being connected. The error is that of the store. Safe for concurrent use.
func (c *Chain) Sync() error { return c.store.Sync() }

// commit commits a batch, and syncs it unless syncIfDue does later.
func (c *Chain) commit(b *store.Batch) error {
	if !c.catchingUp.Load() && !c.onLongWay {
		return b.Commit()
	}
	err := b.CommitLater()
	if err != nil {
		return err
	}
	if c.unsynced == 0 {
		c.unsyncedSince = time.Now()
	}
	c.unsynced++
	return nil
}

// syncIfDue makes all commits durable that are not yet: while the node is catching up
// only once in a while, else at once.
func (c *Chain) syncIfDue() error {
	switch {
	case c.unsynced == 0:
		return nil
	case c.catchingUp.Load() && c.unsynced < maxUnsynced && time.Since(c.unsyncedSince) < syncEvery:
		return nil
	}
	err := c.store.Sync()
	if err == nil {
		c.unsynced = 0
	}
	return err
}
