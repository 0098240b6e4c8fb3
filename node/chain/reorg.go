package chain

import (
	"fmt"
	"slices"

	"stele/engine/pow"
	"stele/node/ledger/block"
	"stele/node/ledger/headertree"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
	"stele/node/store"
)

// activate makes the best usable block the tip, one block after the other: down to
// the fork, then up. A block that turns out to be invalid is marked and noted in
// verdicts (which may be nil), and the next best is taken. Blocks that are too deep
// then are pruned at the end, when no way back is needed any more. A long way is
// reported in parts, since the blocks of a change are held in memory. The caller syncs
// the commits.
func (c *Chain) activate(verdicts map[*headertree.Node]error) error {
	isFlushed := false
	defer func() { c.onLongWay = false }()
	for {
		best := c.tree.Best()
		if best == c.storeTip {
			return c.prune()
		}
		if c.held >= c.maxHeld && c.reportedTip != c.storeTip {
			c.report(c.storedTip(), true)
			c.flush()
		}
		fork := headertree.ForkPoint(c.storeTip, best)
		c.onLongWay = c.onLongWay || c.storeTip.Height-fork.Height+best.Height-fork.Height >= longWay
		if fork != c.storeTip {
			if !isFlushed {
				c.flush()
				isFlushed = true
			}
			if err := c.disconnect(); err != nil {
				return err
			}
			continue
		}
		next := best.Ancestor(c.storeTip.Height + 1)
		b, err := c.load(next)
		if err != nil {
			return err
		}
		err = c.connect(next, b)
		if _, rejected := reject.Of(err); rejected {
			c.log.Warn("branch is invalid", "block", next.Hash, "height", next.Height, "err", err)
			if verdicts != nil {
				verdicts[next] = err
			}
			err = c.markInvalid(next)
		}
		if err != nil {
			return err
		}
	}
}

// extend stores and connects a new block on the tip, in one batch.
func (c *Chain) extend(parent *headertree.Node, b *block.Block) error {
	batch := c.store.NewBatch()
	digest, err := c.apply(batch, parent, b)
	if err != nil {
		return err
	}
	batch.PutBody(b.Hash(), b.Encode())
	oldest := c.oldest(parent.Height + 1)
	c.pruneBelow(batch, oldest)
	if err := c.commit(batch); err != nil {
		return err
	}
	n, err := c.addBody(b)
	if err != nil {
		return err
	}
	c.notePruned(oldest)
	c.moveTo(n, digest, b)
	return nil
}

// connect connects a stored block on the tip.
func (c *Chain) connect(n *headertree.Node, b *block.Block) error {
	batch := c.store.NewBatch()
	digest, err := c.apply(batch, n.Parent, b)
	if err != nil {
		return err
	}
	if err := c.commit(batch); err != nil {
		return err
	}
	c.moveTo(n, digest, b)
	return nil
}

// apply checks signatures and the ledger's rules for a block on parent, the tip,
// and puts its changes into batch. It returns the new digest. The caller must drop the
// batch after an error.
//
// The signatures are checked by other processors while this one applies the block. The
// rules do not look at signatures, and what they change is in the batch only. So a bad
// signature costs the sender's work on the header, and here at most the time of a
// good block; it is reported before any breach of the rules.
func (c *Chain) apply(batch *store.Batch, parent *headertree.Node, b *block.Block) (pow.Hash, error) {
	signatures := c.verifier.Start(b.Records[1:])
	defer signatures.Cancel() // if the rules panic
	digest, err := c.applyRules(batch, parent, b)
	if bad, verdict := signatures.Wait(); verdict != nil {
		return pow.Hash{}, atRecord(bad+1, verdict)
	}
	return digest, err
}

// applyRules is apply without the signatures.
func (c *Chain) applyRules(batch *store.Batch, parent *headertree.Node, b *block.Block) (pow.Hash, error) {
	height := parent.Height + 1
	ctx := rules.Context{Params: c.params, Height: height, MedianTime: parent.MedianTime()}
	c.state.Reset(c.store.View())
	if err := rules.ApplyBlock(&c.state, ctx, b.Records); err != nil {
		return pow.Hash{}, err
	}
	changes := c.state.Changes()
	digest := rules.Digest(c.digest, changes)
	batch.PutHeader(b.Header, store.Meta{Height: height, Status: statusConnected})
	batch.Connect(height, b.Hash(), digest, b.IDs(), rules.EncodeUndo(changes), changes)
	return digest, nil
}

// atRecord adds the index of the record in its block to a rejection.
func atRecord(index int, err error) error {
	reason, ok := reject.Of(err)
	if !ok {
		return err
	}
	return reject.New(reason, "record %d: %v", index, err)
}

// disconnect takes the tip off the chain, by its undo data. Its records go back into
// the journal of the pool in the same batch: they wait for a block again, and the
// pool itself follows only at the end.
func (c *Chain) disconnect() error {
	n := c.storeTip
	b, err := c.load(n)
	if err != nil {
		return err
	}
	changes, err := readUndo(c.store, n.Hash, n.Height)
	if err != nil {
		return err
	}
	digest, err := c.store.Digest(n.Parent.Hash)
	if err != nil {
		return err
	}
	batch := c.store.NewBatch()
	prev := store.Tip{Hash: n.Parent.Hash, Height: n.Parent.Height, Digest: digest}
	batch.Disconnect(n.Height, n.Hash, prev, b.IDs(), changes)
	for _, r := range b.Records[1:] {
		batch.PutPool(r.ID(), r.Encode())
	}
	if err := c.commit(batch); err != nil {
		return err
	}
	c.moveTo(n.Parent, digest, nil)
	return nil
}

// readUndo returns the entries of the state that a block changed, with the
// values before it.
func readUndo(s *store.Store, hash pow.Hash, height uint32) ([]rules.Change, error) {
	raw, err := s.Undo(hash)
	if err != nil {
		return nil, err
	}
	changes, err := rules.DecodeUndo(raw)
	if err != nil {
		return nil, corrupt(height, "undo", "%v", err)
	}
	return changes, nil
}

// moveTo notes that n is the tip of the store. B is the block of n if that was
// connected, and nil if its child was disconnected.
func (c *Chain) moveTo(n *headertree.Node, digest pow.Hash, b *block.Block) {
	c.storeTip, c.digest = n, digest
	if b != nil {
		c.hold(n, b)
		c.recentMu.Lock()
		c.recent.Put(n.Hash, b)
		c.recentMu.Unlock()
	}
}

// hold keeps the block of n until the next report.
func (c *Chain) hold(n *headertree.Node, b *block.Block) {
	if c.blocks[n] == nil {
		c.blocks[n] = b
		c.held += b.Size()
	}
}

// load returns the block of a node.
func (c *Chain) load(n *headertree.Node) (*block.Block, error) {
	if b := c.blocks[n]; b != nil {
		return b, nil
	}
	b, err := readBlock(c.store, c.params, n.Hash, n.Height)
	if err == nil {
		c.hold(n, b)
	}
	return b, err
}

// announce publishes the tip, reports the last part of a change to Options.OnChange,
// and returns whether there was a change. If the store failed on the way to the best
// block, the tip is one in between: it is published, since the state may stay there
// for long, but the change is partial. So it is if the store failed with commits that
// were not synced, since the state cannot be read then.
func (c *Chain) announce() bool {
	partial := c.storeTip != c.tree.Best() || c.unsynced > 0 && c.store.Err() != nil
	before := c.Tip()
	if before.Hash == c.storeTip.Hash && c.reportedTip == c.storeTip && c.partial == partial {
		c.drop()
		return false
	}
	tip := c.storedTip()
	c.publish(tip, partial)
	c.report(tip, partial)
	if !partial {
		c.noteReorg()
		c.settledTip = c.storeTip
	}
	return true
}

// storedTip returns the tip of the store, which need not be published.
func (c *Chain) storedTip() *Tip {
	if tip := c.Tip(); tip.Hash == c.storeTip.Hash {
		return tip
	}
	return newTip(c.storeTip, c.digest)
}

// report calls Options.OnChange with the change since the last report, and drops the
// blocks that were held for it.
func (c *Chain) report(tip *Tip, partial bool) {
	fork := headertree.ForkPoint(c.reportedTip, c.storeTip)
	change := Change{Tip: tip, Depth: c.depth(), Partial: partial}
	for n := c.reportedTip; n != fork; n = n.Parent {
		change.Disconnected = append(change.Disconnected, c.blocks[n])
	}
	for n := c.storeTip; n != fork; n = n.Parent {
		change.Connected = append(change.Connected, c.blocks[n])
	}
	slices.Reverse(change.Connected)
	c.reportedTip, c.partial = c.storeTip, partial
	c.drop()
	if c.onChange != nil {
		c.onChange(change)
	}
}

// drop drops the held blocks.
func (c *Chain) drop() {
	clear(c.blocks)
	c.held = 0
}

// newVerifier returns a verifier for a chain that shares none.
func newVerifier() *record.Verifier { return record.NewVerifier(1<<16, 0) }

// corrupt returns the error for stored data that is inconsistent.
func corrupt(height uint32, field, format string, args ...any) error {
	return &store.Damage{Height: int64(height), Field: field, Detail: fmt.Sprintf(format, args...)}
}
