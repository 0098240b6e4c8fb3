package chain

import (
	"context"
	"fmt"

	"stele/engine/pow"
	"stele/node/ledger/block"
	"stele/node/ledger/headertree"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/store"
)

// Values of store.Meta.Status.
const (
	statusStored    uint8 = iota // header and body are valid by themselves
	statusConnected              // it was part of the chain once, so it is valid
	statusInvalid                // it, or its body, breaks a rule
)

// checkDepth is how many blocks from the tip down are checked when a chain is
// opened: the default of Bitcoin Core (-checkblocks).
const checkDepth = 6

// start reads the store and brings the chain to its best block.
func (c *Chain) start(ctx context.Context) error {
	genesis := block.Genesis(c.params)
	c.tree = headertree.New(c.params.Pow, genesis.Header)
	tip, ok, err := c.store.Tip()
	if err != nil {
		return err
	}
	if !ok {
		if tip, err = writeGenesis(c.store, c.params, genesis); err != nil {
			return err
		}
	}
	if err := c.readHeaders(tip); err != nil {
		return err
	}
	if err := c.checkEnd(ctx); err != nil {
		return err
	}
	c.settledTip, c.reportedTip = c.storeTip, c.storeTip
	c.publish(newTip(c.storeTip, c.digest), false)
	if ahead := int64(c.storeTip.Header.Time) - c.clock().Unix(); ahead > int64(c.params.MaxFuture) {
		c.log.Warn("tip is ahead of the local clock: check the clock", "ahead_s", ahead)
	}
	if c.tree.Best() != c.storeTip {
		c.log.Info("interrupted reorganisation resumed", "height", c.storeTip.Height, "to", c.tree.Best().Height)
		if err := c.activate(nil); err != nil {
			return err
		}
		if err := c.syncIfDue(); err != nil {
			return err
		}
		c.announce()
	}
	return c.prune()
}

// writeGenesis connects the genesis block in an empty store.
func writeGenesis(s *store.Store, p *network.Params, genesis *block.Block) (store.Tip, error) {
	changes, err := genesisChanges(p, genesis)
	if err != nil {
		return store.Tip{}, err
	}
	tip := store.Tip{Hash: genesis.Hash(), Digest: rules.Digest(pow.Hash{}, changes)}
	batch := s.NewBatch()
	batch.PutHeader(genesis.Header, store.Meta{Status: statusConnected})
	batch.PutBody(tip.Hash, genesis.Encode())
	batch.Connect(0, tip.Hash, tip.Digest, genesis.IDs(), rules.EncodeUndo(changes), changes)
	return tip, batch.Commit()
}

// genesisChanges returns the state after the genesis block, as changes of an
// empty state.
func genesisChanges(p *network.Params, genesis *block.Block) ([]rules.Change, error) {
	s := rules.NewState(mapView{})
	for _, change := range rules.Genesis(p) {
		if err := s.Put(change.Key, change.New); err != nil {
			return nil, err
		}
	}
	if err := rules.ApplyBlock(s, rules.Context{Params: p}, genesis.Records); err != nil {
		return nil, fmt.Errorf("genesis block of %s: %w", p.Name, err)
	}
	return s.Changes(), nil
}

// readHeaders puts all stored headers into the tree. Tip is that of the store.
func (c *Chain) readHeaders(tip store.Tip) error {
	var bodies, invalid []*headertree.Node
	err := c.store.Headers(func(h pow.Header, m store.Meta) error {
		hash := h.Hash()
		n, err := c.tree.Add(h, hash)
		switch {
		case err != nil:
			return corrupt(m.Height, "header", "%v", err)
		case n.Height != m.Height:
			return corrupt(m.Height, "header", "stored with height %d, but its parents give %d", m.Height, n.Height)
		}
		if m.Status == statusInvalid {
			invalid = append(invalid, n)
		}
		if m.HasBody {
			bodies = append(bodies, n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.storeTip, c.digest = c.tree.Get(tip.Hash), tip.Digest
	if c.storeTip == nil || c.storeTip.Height != tip.Height {
		return corrupt(tip.Height, "tip", "the tip %v is not among the headers", tip.Hash)
	}
	// The bodies of the chain are set first, so that the chain is preferred to
	// branches of the same work, as it was when it was seen first. They may be
	// pruned.
	for height := range c.storeTip.Height + 1 {
		c.tree.SetBody(c.storeTip.Ancestor(height))
	}
	for _, n := range bodies {
		c.tree.SetBody(n)
		c.noteBody(n)
	}
	c.findPruned(bodies)
	for _, n := range invalid {
		c.tree.MarkInvalid(n)
	}
	return c.countCheap(bodies, invalid)
}

// checkEnd goes back from the tip by the undo data, without changing the store, and
// checks that bodies, undo data, state and digests are consistent.
func (c *Chain) checkEnd(ctx context.Context) error {
	state := rules.NewState(c.store.View())
	digest := c.digest
	for n, depth := c.storeTip, 0; n.Parent != nil && depth < checkDepth; n, depth = n.Parent, depth+1 {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := checkPlace(c.store, c.params, n); err != nil {
			return err
		}
		before, err := c.store.Digest(n.Parent.Hash)
		if err != nil {
			return err
		}
		changes, err := readUndo(c.store, n.Hash, n.Height)
		if err != nil {
			return err
		}
		if err := takeBack(state, changes); err != nil {
			return err
		}
		if rules.Digest(before, changes) != digest {
			return corrupt(n.Height, "digest", "state and undo data do not give the digest of the block")
		}
		digest = before
	}
	return nil
}

// takeBack undoes a block in state, and sets New of its changes to the values that
// the block left.
func takeBack(state *rules.State, changes []rules.Change) error {
	for i, change := range changes {
		value, err := state.Get(change.Key)
		if err != nil {
			return err
		}
		changes[i].New = value
		if err := state.Put(change.Key, change.Old); err != nil {
			return err
		}
	}
	return nil
}

// checkPlace checks that the block of n is stored and valid by itself, and that the
// indexes of heights and records lead to it.
func checkPlace(s *store.Store, p *network.Params, n *headertree.Node) error {
	hash, err := s.HashAt(n.Height)
	if err != nil {
		return err
	}
	if hash != n.Hash {
		return corrupt(n.Height, "height index", "it leads to the block %v, expected %v", hash, n.Hash)
	}
	b, err := readBlock(s, p, n.Hash, n.Height)
	if err != nil {
		return err
	}
	if err := b.Check(p); err != nil {
		return corrupt(n.Height, "body", "%v", err)
	}
	return checkIndex(s, n.Height, b.IDs())
}

// checkIndex checks that the index leads from the ids of records to their block.
func checkIndex(s *store.Store, height uint32, ids []pow.Hash) error {
	for i, id := range ids {
		want := store.Place{Height: height, Index: uint32(i)}
		switch place, ok, err := s.Find(id); {
		case err != nil:
			return unreadable(err, int64(height), "record index")
		case !ok:
			return corrupt(height, "record index", "record %d (%v) is missing", i, id)
		case place != want:
			return corrupt(height, "record index", "record %d (%v) is indexed as record %d of height %d", i, id, place.Index, place.Height)
		}
	}
	return nil
}

// readBlock returns a stored block, and checks that its header has the hash. That the
// body belongs to the header was checked when it was stored.
func readBlock(s *store.Store, p *network.Params, hash pow.Hash, height uint32) (*block.Block, error) {
	raw, err := s.Body(hash)
	if err != nil {
		return nil, err
	}
	return decodeBlock(raw, p, hash, height)
}

// readRecords reads some records of a stored block: see [block.DecodeRecords].
func readRecords(s *store.Store, hash pow.Hash, height uint32, indexes ...uint32) ([]*record.Record, error) {
	raw, err := s.Body(hash)
	if err != nil {
		return nil, err
	}
	header, records, err := block.DecodeRecords(raw, indexes...)
	if err != nil {
		return nil, corrupt(height, "body", "%v", err)
	}
	if header.Hash() != hash {
		return nil, corrupt(height, "body", "its header is %v, expected %v", header.Hash(), hash)
	}
	return records, nil
}

// decodeBlock decodes the stored body of a block.
func decodeBlock(raw []byte, p *network.Params, hash pow.Hash, height uint32) (*block.Block, error) {
	b, err := block.Decode(raw, p.MaxBlockSize)
	if err != nil {
		return nil, corrupt(height, "body", "%v", err)
	}
	if b.Hash() != hash {
		return nil, corrupt(height, "body", "its header is %v, expected %v", b.Hash(), hash)
	}
	return b, nil
}

// mapView is a state in memory.
type mapView map[string][]byte

func (v mapView) Get(key []byte) ([]byte, error) { return v[string(key)], nil }

func (v mapView) change(changes []rules.Change) {
	for _, change := range changes {
		if change.New == nil {
			delete(v, string(change.Key))
		} else {
			v[string(change.Key)] = change.New
		}
	}
}
