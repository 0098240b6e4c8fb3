package chain

import (
	"fmt"

	"stele/engine/pow"
	"stele/node/ledger/block"
	"stele/node/ledger/headertree"
	"stele/node/ledger/record"
	"stele/node/store"
)

// Header is a header of the tree, with its place.
type Header struct {
	pow.Header
	// MedianTime is the median of the times of this block and the ten before it,
	// in seconds since 1970: what the next block goes by.
	MedianTime uint32

	Hash    pow.Hash
	Height  uint32
	Work    pow.Work // of the chain up to here
	InChain bool     // it is part of the chain of the tip
	Invalid bool     // it, or a block before it, was found invalid
}

// Header returns the header with a hash, and false if it is not known.
func (c *Chain) Header(hash pow.Hash) (Header, bool) {
	tip := c.Tip().Hash
	c.treeMu.RLock()
	defer c.treeMu.RUnlock()
	n := c.tree.Get(hash)
	if n == nil {
		return Header{}, false
	}
	return newHeader(n, c.tree.Get(tip)), true
}

// HeaderAt returns the header of the chain at a height, and false above the
// tip.
func (c *Chain) HeaderAt(height uint32) (Header, bool) {
	hash := c.Tip().Hash
	c.treeMu.RLock()
	defer c.treeMu.RUnlock()
	tip := c.tree.Get(hash)
	n := tip.Ancestor(height)
	if n == nil {
		return Header{}, false
	}
	return newHeader(n, tip), true
}

func newHeader(n, tip *headertree.Node) Header {
	return Header{
		Header:  n.Header,
		Hash:    n.Hash,
		Height:  n.Height,
		Work:    n.Work,
		InChain: tip.Ancestor(n.Height) == n,
		Invalid: n.Invalid(),

		MedianTime: n.MedianTime(),
	}
}

// Block returns the block with a hash, from whatever branch. It may be shared with
// others and must not be modified. Errors: store.ErrNotFound, store.ErrPruned,
// store.ErrCorrupt. Safe for concurrent use.
func (c *Chain) Block(hash pow.Hash) (*block.Block, error) {
	c.recentMu.Lock()
	b, ok := c.recent.Get(hash)
	c.recentMu.Unlock()
	if ok {
		return b, nil
	}
	h, ok := c.Header(hash)
	if !ok {
		return nil, fmt.Errorf("block %v: %w", hash, store.ErrNotFound)
	}
	return readBlock(c.store, c.params, hash, h.Height)
}

// BlockAt returns the block of the chain at a height. Errors: those of Block. Safe for
// concurrent use.
func (c *Chain) BlockAt(height uint32) (*block.Block, error) {
	h, ok := c.HeaderAt(height)
	if !ok {
		return nil, fmt.Errorf("height %d: %w", height, store.ErrNotFound)
	}
	return readBlock(c.store, c.params, h.Hash, height)
}

// Found is a record in the chain.
type Found struct {
	Record *record.Record
	Place  store.Place
	Block  pow.Hash
	Proof  block.Proof // that the record is in the block
}

// Find returns the record with an id, if the chain has it. Errors: those of Block.
// Safe for concurrent use.
func (c *Chain) Find(id record.ID) (Found, error) {
	// A reorganisation between two reads may put another block at the height. Then
	// the index is read again.
	for range 3 {
		place, ok, err := c.store.Find(id)
		if err != nil {
			return Found{}, err
		}
		if !ok {
			break
		}
		hash, err := c.store.HashAt(place.Height)
		if err != nil {
			continue
		}
		b, err := readBlock(c.store, c.params, hash, place.Height)
		if err != nil {
			return Found{}, err
		}
		i := int(place.Index)
		if i < len(b.Records) && b.Records[i].ID() == id {
			return Found{Record: b.Records[i], Place: place, Block: hash, Proof: block.Prove(b, i)}, nil
		}
	}
	return Found{}, fmt.Errorf("record %v: %w", id, store.ErrNotFound)
}
