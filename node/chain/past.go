package chain

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"stele/engine/pow"
	"stele/node/ledger/rules"
	"stele/node/store"
)

// Bounds of [Chain.Past]: how many blocks below the tip, and with how many bytes of
// memory for what they changed, whichever is less.
const (
	MaxPastBlocks = 2016
	MaxPastBytes  = 128 << 20
)

// maxPasts is how many states are kept, besides the bound of their bytes together.
const maxPasts = 8

// Errors of [Chain.Past] and [Past.Read], to be tested with errors.Is.
var (
	// ErrTooFar means that the state after a block cannot be read, since too much has
	// changed after it.
	ErrTooFar = errors.New("too far below the tip")
	// ErrReplaced means that the block is no longer part of the chain.
	ErrReplaced = errors.New("the chain has changed its branch below this block")
)

// Past is the state after a block of the chain below the tip, or after the tip itself.
// It stays readable while the chain goes on, until the block is too far below the tip.
// Safe for concurrent use.
type Past struct {
	chain *Chain
	tip   *Tip
	old   rules.Past

	mu      sync.Mutex
	covered map[pow.Hash]bool // the block, and those above it whose changes old has, each with its parent
}

// pasts are the states that were asked for last.
type pasts struct {
	mu   sync.Mutex
	last []*Past // the last one at the end

	building sync.Mutex // so that no more memory is used at a time than for one state
}

// Past returns the state after the block of the chain at a height. It costs one read of
// the undo data of all blocks above, and nothing if it was asked for a moment ago. Errors:
// [store.ErrNotFound] above the tip, [store.ErrPruned], [ErrTooFar], [ErrReplaced] if the
// chain changes meanwhile, and those of the store. Safe for concurrent use.
func (c *Chain) Past(height uint32) (*Past, error) {
	h, ok := c.HeaderAt(height)
	if !ok {
		return nil, fmt.Errorf("height %d: %w", height, store.ErrNotFound)
	}
	p, err := c.pastOf(h.Hash)
	if err == nil {
		err = p.Read(func(rules.View, rules.Context) error { return nil })
	}
	if err != nil {
		c.pasts.drop(h.Hash)
		return nil, err
	}
	c.pasts.trim()
	return p, nil
}

// pastOf returns the state after a block, which may have nothing yet.
func (c *Chain) pastOf(hash pow.Hash) (*Past, error) {
	c.pasts.mu.Lock()
	defer c.pasts.mu.Unlock()
	if i := c.pasts.find(hash); i >= 0 {
		p := c.pasts.last[i]
		c.pasts.last = append(slices.Delete(c.pasts.last, i, i+1), p)
		return p, nil
	}
	digest, err := c.store.Digest(hash)
	if errors.Is(err, store.ErrNotFound) {
		err = ErrReplaced
	}
	if err != nil {
		return nil, err
	}
	p := &Past{chain: c, tip: newTip(c.get(hash), digest), covered: map[pow.Hash]bool{hash: true}}
	c.pasts.last = append(c.pasts.last, p)
	return p, nil
}

// find returns the index of the state after a block, or -1. The caller must hold p.mu.
func (p *pasts) find(hash pow.Hash) int {
	return slices.IndexFunc(p.last, func(past *Past) bool { return past.tip.Hash == hash })
}

// drop forgets the state after a block.
func (p *pasts) drop(hash pow.Hash) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := p.find(hash); i >= 0 {
		p.last = slices.Delete(p.last, i, i+1)
	}
}

// trim forgets the states that exceed the bounds, but the last one.
func (p *pasts) trim() {
	p.mu.Lock()
	defer p.mu.Unlock()
	first, size := len(p.last), 0
	for first > 0 && len(p.last)-first < maxPasts {
		size += p.last[first-1].old.Size()
		if size > MaxPastBytes && first < len(p.last) {
			break
		}
		first--
	}
	p.last = slices.Delete(p.last, 0, first)
}

// Tip returns the block after which the state is, with the conditions for the next one.
func (p *Past) Tip() *Tip { return p.tip }

// Read calls read with the state and the context of the next block: of one at the height
// after it. Neither changes during the call, whatever the chain does. Errors: those of
// [Chain.Past] and of read.
func (p *Past) Read(read func(rules.View, rules.Context) error) error {
	snapshot := p.chain.store.Snapshot()
	defer snapshot.Close()
	if err := p.cover(snapshot); err != nil {
		return err
	}
	next := rules.Context{Params: p.chain.params, Height: p.tip.Height + 1, MedianTime: p.tip.MedianTime}
	return read(p.old.Over(snapshot), next)
}

func (p *Past) isCovered(hash pow.Hash) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.covered[hash]
}

// cover adds the blocks from p's up to the tip of a snapshot.
func (p *Past) cover(snapshot *store.Snapshot) error {
	tip, ok, err := snapshot.Tip()
	switch {
	case err != nil:
		return err
	case ok && p.isCovered(tip.Hash):
		return nil
	case !ok || tip.Height <= p.tip.Height:
		return ErrReplaced
	case tip.Height-p.tip.Height > MaxPastBlocks:
		return fmt.Errorf("%w: %d blocks are above height %d, must be at most %d", ErrTooFar, tip.Height-p.tip.Height, p.tip.Height, MaxPastBlocks)
	}
	p.chain.pasts.building.Lock()
	defer p.chain.pasts.building.Unlock()
	var above []store.Tip // that are not covered, from the tip down
	for at := tip; !p.isCovered(at.Hash); {
		if at.Height == p.tip.Height {
			return ErrReplaced
		}
		above = append(above, at)
		if at, err = snapshot.At(at.Height - 1); err != nil {
			return err
		}
	}
	for _, at := range slices.Backward(above) {
		if err := p.add(snapshot, at); err != nil {
			return err
		}
	}
	return nil
}

// add adds the next block.
func (p *Past) add(snapshot *store.Snapshot, at store.Tip) error {
	undo, err := snapshot.Undo(at.Height, at.Hash)
	if err != nil {
		return err
	}
	if p.old.Size()+len(undo) > MaxPastBytes {
		return fmt.Errorf("%w: the blocks from height %d to %d changed more than %d MiB", ErrTooFar, p.tip.Height+1, at.Height, MaxPastBytes>>20)
	}
	if err := p.old.Add(undo); err != nil {
		return corrupt(at.Height, "undo", "%v", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.covered[at.Hash] = true
	return nil
}
