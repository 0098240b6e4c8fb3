package p2p

import (
	"fmt"
	"slices"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/p2p/relay"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
)

// maxAnnounced is how many headers announce a branch at most.
const maxAnnounced = wire.MaxUnsolicitedHeaders

// newServed returns a block in the form in which this node sends it.
func (c *compactor) newServed(b *block.Block, lacking []uint32) *servedBlock {
	slices.Sort(lacking)
	return &servedBlock{b, relay.NewCompact(b, c.nonce, slices.Compact(lacking))}
}

// changed announces the new tip, unless this node is catching up: then its peers have
// the blocks.
func (c *compactor) changed(e chain.Event) {
	for _, connected := range e.Connected {
		c.do(c.m.Known(c.s.now(), connected.Hash))
	}
	if e.Partial || e.IsBehind() || len(e.Connected) == 0 || !c.s.syncer.atTip() {
		return
	}
	c.serve(e.Tip.Hash, func(*servedBlock) { c.announce(e.Tip.Hash) })
}

// announce announces a block, if it is the tip.
func (c *compactor) announce(hash pow.Hash) {
	if c.s.o.Chain.Tip().Hash == hash {
		c.do(c.m.Tip(c.s.now(), c.branch(hash)))
	}
}

// branch returns the last blocks of the branch that ends with a block.
func (c *compactor) branch(hash pow.Hash) []relay.BlockRef {
	var branch []relay.BlockRef
	for len(branch) < maxAnnounced {
		h, ok := c.s.o.Chain.Header(hash)
		if !ok || h.Height == 0 {
			break
		}
		branch = append(branch, relay.BlockRef{Hash: hash, Parent: h.Prev, Height: h.Height})
		hash = h.Prev
	}
	slices.Reverse(branch)
	return branch
}

// serve calls use, on the loop, with a block in the form in which this node sends it,
// or with nil if the block cannot be read.
func (c *compactor) serve(hash pow.Hash, use func(*servedBlock)) {
	if found, ok := c.served.Get(hash); ok {
		use(found)
		return
	}
	c.encoder.put(func() {
		var made *servedBlock
		if b, err := c.s.o.Chain.Block(hash); err == nil {
			made = c.newServed(b, nil)
		}
		c.s.do(func() {
			if made != nil {
				c.served.Put(hash, made)
			}
			use(made)
		})
	})
}

// push sends the compact form of a new block to a peer.
func (c *compactor) push(a relay.Push) {
	p := c.s.peers[slots.ID(a.Peer)]
	found, ok := c.served.Get(a.Hash)
	if p != nil && ok {
		p.send(found.compact)
	}
}

// sendHeaders announces blocks to a peer by their headers.
func (c *compactor) sendHeaders(a relay.SendHeaders) {
	p := c.s.peers[slots.ID(a.Peer)]
	if p == nil {
		return
	}
	m := &wire.Headers{}
	for _, hash := range a.Hashes {
		h, ok := c.s.o.Chain.Header(hash)
		if !ok {
			return
		}
		m.Headers = append(m.Headers, h.Header)
	}
	p.send(m)
}

// isRecent reports whether a block is connected and near enough to the tip to be
// served in compact form.
func (c *compactor) isRecent(hash pow.Hash) bool {
	h, ok := c.s.o.Chain.Header(hash)
	return ok && h.InChain && h.Height+maxCompactDepth >= c.s.o.Chain.Tip().Height
}

// serveCompact answers a request for the compact form of a block.
func (c *compactor) serveCompact(p *peer, hash pow.Hash) {
	absent := func(cause wire.Cause) {
		p.send(&wire.Absent{Request: wire.KindGetCompact, Cause: cause, Hashes: []pow.Hash{hash}})
	}
	switch {
	case !c.isRecent(hash):
		absent(wire.CauseUnknown)
		return
	case c.serving >= maxServing:
		absent(wire.CauseBusy)
		return
	}
	c.serving++
	c.serve(hash, func(found *servedBlock) {
		c.serving--
		switch {
		case c.s.peers[p.id] != p:
		case found == nil:
			absent(wire.CauseUnknown)
		default:
			c.m.Knows(relay.PeerID(p.id), hash)
			p.send(found.compact)
		}
	})
}

// serveParts answers a request for records of a block that the peer has in compact
// form. The block need not be connected yet.
func (c *compactor) serveParts(p *peer, m *wire.GetParts) error {
	absent := &wire.Absent{Request: wire.KindGetParts, Hashes: []pow.Hash{m.Block}}
	found, ok := c.served.Get(m.Block)
	switch {
	case ok:
		if last := m.Indices[len(m.Indices)-1]; int64(last) >= int64(len(found.block.Records)) {
			return broke(wire.ReasonProtocol, "record %d of a block of %d", last, len(found.block.Records))
		}
	case !c.isRecent(m.Block):
		p.send(absent)
		return nil
	}
	_ = p.link.SendLater(wire.KindParts, func() (wire.Message, error) { // an error: the link has ended
		parts := &wire.Parts{Block: m.Block}
		size := wire.HeaderSize + len(m.Block) + 4
		records, err := c.records(found, m)
		if err != nil {
			return absent, nil
		}
		for _, raw := range records {
			size += 2 + len(raw)
			parts.Records = append(parts.Records, raw)
		}
		if size > c.s.o.Params.MaxBlockSize {
			return absent, nil // the whole block is shorter
		}
		return parts, nil
	})
	return nil
}

// records returns the encoded records that were requested. Found is the block, if it is
// at hand. Safe for concurrent use.
func (c *compactor) records(found *servedBlock, m *wire.GetParts) ([][]byte, error) {
	parts := make([][]byte, 0, len(m.Indices))
	if found != nil {
		for _, i := range m.Indices {
			parts = append(parts, found.block.Records[i].Encode())
		}
		return parts, nil
	}
	raw, err := c.s.o.Chain.Raw(m.Block)
	if err != nil {
		return nil, err
	}
	_, records, err := block.DecodeRecords(raw, m.Indices...)
	if err != nil {
		return nil, err
	}
	for i, r := range records {
		if r == nil {
			return nil, fmt.Errorf("block %v has no record %d", m.Block, m.Indices[i])
		}
		parts = append(parts, r.Encode())
	}
	return parts, nil
}
