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

// RecordsAt returns the header of the block of the chain at a height, and its
// records with some indexes, which must ascend. A record is nil if the block has none
// with its index. The other records are not decoded. Errors: those of Block. Safe for
// concurrent use.
func (c *Chain) RecordsAt(height uint32, indexes ...uint32) (Header, []*record.Record, error) {
	h, ok := c.HeaderAt(height)
	if !ok {
		return Header{}, nil, fmt.Errorf("height %d: %w", height, store.ErrNotFound)
	}
	records, err := readRecords(c.store, h.Hash, height, indexes...)
	return h, records, err
}

// FindRecord is Find without a proof: it decodes no other record of the block.
func (c *Chain) FindRecord(id record.ID) (Found, error) {
	return c.find(id, func(found *Found) (bool, error) {
		records, err := readRecords(c.store, found.Block, found.Place.Height, found.Place.Index)
		if err != nil || records[0] == nil || records[0].ID() != id {
			return false, err
		}
		found.Record = records[0]
		return true, nil
	})
}

// Find returns the record with an id, if the chain has it. Errors: those of Block.
// Safe for concurrent use.
func (c *Chain) Find(id record.ID) (Found, error) {
	return c.find(id, func(found *Found) (bool, error) {
		b, err := readBlock(c.store, c.params, found.Block, found.Place.Height)
		i := int(found.Place.Index)
		if err != nil || i >= len(b.Records) || b.Records[i].ID() != id {
			return false, err
		}
		found.Record, found.Proof = b.Records[i], block.Prove(b, i)
		return true, nil
	})
}

// find finds the block that has a record, and calls read with the place, until read
// reports that the record is there.
func (c *Chain) find(id record.ID, read func(*Found) (bool, error)) (Found, error) {
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
		found := Found{Place: place, Block: hash}
		if ok, err := read(&found); err != nil {
			return Found{}, err
		} else if ok {
			return found, nil
		}
	}
	return Found{}, fmt.Errorf("record %v: %w", id, store.ErrNotFound)
}
