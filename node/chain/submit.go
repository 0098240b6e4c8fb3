package chain

import (
	"cmp"
	"errors"
	"fmt"

	"stele/node/ledger/block"
	"stele/node/ledger/headertree"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/store"
)

// Outcome is what became of a block that was not rejected.
type Outcome uint8

const (
	// Extended means that the block is the new tip, on top of the old one.
	Extended Outcome = iota + 1
	// Reorganized means that the block is the new tip, on another branch.
	Reorganized
	// SideBranch means that the block is stored, on a branch with no more work
	// than the chain.
	SideBranch
	// Known means that the chain has had the block before.
	Known
)

// String returns the outcome in words.
func (o Outcome) String() string {
	switch o {
	case Extended:
		return "extended"
	case Reorganized:
		return "reorganized"
	case SideBranch:
		return "side branch"
	case Known:
		return "known"
	}
	return fmt.Sprintf("outcome %d", uint8(o))
}

// Submit takes a block. When it returns, the block is on disk or rejected; while the
// node is catching up (see [Chain.CatchUp]), it reaches the disk soon after. If it is the new tip, Tip and View show it, all subscribers have been notified of it,
// Options.OnChange has returned, so that the pool has followed, and so has
// Options.Flush, so that the journal of the pool has too. Safe for concurrent use.
//
// A rejected block gives an error with a reason (reject.Of). If the store fails,
// the error is [ErrStopped], wrapped with the error of the store.
func (c *Chain) Submit(b *block.Block) (Outcome, error) {
	outcome, changed, err := c.submitLocked(b)
	if changed {
		c.flush()
	}
	return outcome, err
}

// Prepare does ahead what Submit needs no state for: it checks what each of the blocks
// shows by itself, and the signatures of them all together. Submit then knows the good
// ones, as long as the Verifier remembers them. Faults are left to Submit, which reports
// them; the blocks after one may not be prepared. The rules about headers are not
// checked, so the blocks should be of headers that the chain has, or of a trusted source.
// Safe for concurrent use.
func (c *Chain) Prepare(blocks []*block.Block) {
	var records []*record.Record
	for _, b := range blocks {
		if b.Check(c.params) != nil {
			break
		}
		records = append(records, b.Records[1:]...)
	}
	_, _ = c.verifier.Verify(records)
}

// submitLocked is Submit up to the point where the lock is released. It also
// reports whether there was a change.
func (c *Chain) submitLocked(b *block.Block) (outcome Outcome, changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { changed = c.announce() }()
	outcome, err = c.submit(b)
	if !isStoreError(err) {
		err = cmp.Or(c.syncIfDue(), err)
	}
	switch {
	case isStoreError(err):
		if c.Err() == nil {
			c.log.Error("chain stopped: store failed", "err", err)
		}
		cause := err // err is written again on return, and Err reads without a lock
		c.stopped.Store(&cause)
		return 0, false, fmt.Errorf("%w: %w", ErrStopped, err)
	case c.Err() != nil && c.store.Err() == nil:
		c.stopped.Store(nil)
		c.log.Info("chain resumed", "height", c.storeTip.Height)
	}
	return outcome, false, err
}

// isStoreError reports whether err is an error, but not a verdict about a block.
func isStoreError(err error) bool {
	_, rejected := reject.Of(err)
	return err != nil && !rejected
}

func (c *Chain) submit(b *block.Block) (Outcome, error) {
	if c.store.Err() != nil { // it cannot be read before it has again what waited for a sync
		if err := c.store.Sync(); err != nil {
			return 0, err
		}
	}
	if c.storeTip != c.tree.Best() { // the store failed during a reorganisation
		if err := c.activate(nil); err != nil {
			return 0, err
		}
	}

	c.sweepTree()
	hash := b.Hash()
	known := c.get(hash)
	switch {
	case known == nil:
	case known.Invalid():
		return 0, invalidBlock(hash)
	case known.HasBody():
		return Known, nil
	}
	parent, err := c.checkParent(b, known)
	if err != nil {
		return 0, err
	}
	if err := b.Check(c.params); err != nil {
		return 0, c.condemn(b, err)
	}
	if parent == c.storeTip {
		if err := c.extend(parent, b); err != nil {
			return 0, c.condemn(b, err)
		}
		return Extended, nil
	}
	return c.branch(parent, b)
}

// checkParent applies all rules about the header of a block, and returns the parent, on
// which the block can be stored. Known is the node of the block, or nil: a known header
// was checked before, and need not show its work again.
func (c *Chain) checkParent(b *block.Block, known *headertree.Node) (parent *headertree.Node, err error) {
	if known != nil {
		parent = known.Parent
	} else if parent, err = c.checkNew(b.Header, c.storeTip); err != nil {
		if reason, _ := reject.Of(err); reason == reject.TimeTooNew {
			c.log.Warn("block rejected for now: ahead of the local clock", "block", b.Hash(), "err", err)
		}
		return nil, err
	}
	work := parent.Work.Add(blockWork(b.Header.Bits))
	if proven := c.provenBy(known); proven.Cmp(work) > 0 {
		work = proven
	}
	if err := c.checkPruned(parent, c.storeTip, work); err != nil {
		return nil, err
	}
	if !parent.HasBody() {
		return nil, reject.New(reject.UnknownParent, "the parent %v is known by its header only, and its body must be submitted first", parent.Hash)
	}
	if parent != c.storeTip && !c.leadsToBest(known) {
		if err := c.checkCheap(b.Header.Bits); err != nil {
			return nil, err
		}
	}
	return parent, nil
}

// leadsToBest reports whether a header without a body, or nil, is part of a branch that
// has shown more work than the chain.
func (c *Chain) leadsToBest(n *headertree.Node) bool {
	if n == nil {
		return false
	}
	c.treeMu.RLock()
	best := c.tree.BestHeader()
	c.treeMu.RUnlock()
	return best.Work.Cmp(c.storeTip.Work) > 0 && best.Ancestor(n.Height) == n
}

// condemn remembers that a block is invalid, if err is final, and returns err.
func (c *Chain) condemn(b *block.Block, err error) error {
	reason, rejected := reject.Of(err)
	if !rejected || reason.BodyMismatch() {
		return err
	}
	n, addErr := c.add(b, c.tree.MarkInvalid)
	if addErr != nil {
		return addErr
	}
	if storeErr := c.storeInvalid(n); storeErr != nil {
		return storeErr
	}
	c.noteCheap(n, 0)
	return err
}

// markInvalid marks a block, in the store too.
func (c *Chain) markInvalid(n *headertree.Node) error {
	c.treeMu.Lock()
	c.tree.MarkInvalid(n)
	c.treeMu.Unlock()
	return c.storeInvalid(n)
}

// storeInvalid stores that a block is invalid. Its parent is in the store, as that of
// every header there.
func (c *Chain) storeInvalid(n *headertree.Node) error {
	batch := c.store.NewBatch()
	batch.PutHeader(n.Header, store.Meta{Height: n.Height, Status: statusInvalid})
	return c.commit(batch)
}

// branch stores a block that is not on the tip, and reorganises to its branch if
// that is the best now.
func (c *Chain) branch(parent *headertree.Node, b *block.Block) (Outcome, error) {
	hash := b.Hash()
	batch := c.store.NewBatch()
	batch.PutHeader(b.Header, store.Meta{Height: parent.Height + 1, Status: statusStored})
	batch.PutBody(hash, b.Encode())
	if err := c.commit(batch); err != nil {
		return 0, err
	}
	n, err := c.addBody(b)
	if err != nil {
		return 0, err
	}
	c.noteCheap(n, int64(b.Size()))
	if c.tree.Best() == c.storeTip {
		return SideBranch, nil
	}
	c.hold(n, b)
	verdicts := map[*headertree.Node]error{}
	if err := c.activate(verdicts); err != nil {
		return 0, err
	}
	if !n.Invalid() {
		return Reorganized, nil
	}
	for bad, verdict := range verdicts {
		if bad == n {
			return 0, verdict
		}
		if n.Ancestor(bad.Height) == bad {
			return 0, reject.New(reject.InvalidParent, "block %v on its branch is invalid: %v", bad.Hash, verdict)
		}
	}
	return 0, errors.New("chain: a block became invalid without a verdict")
}
