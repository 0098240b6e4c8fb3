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

// compactOf returns the compact form of a block in which this node sends it, with some
// of the records that the receivers probably lack. Safe for concurrent use.
func (c *compactor) compactOf(b *block.Block, lacking []uint32) *wire.Compact {
	slices.Sort(lacking)
	return relay.NewCompact(b, c.nonce, slices.Compact(lacking))
}

// changed announces the new tip. While this node is catching up it waits with that,
// since its peers have the blocks.
func (c *compactor) changed(e chain.Event) {
	for _, connected := range e.Connected {
		if c.fresh.Has(connected.Hash) {
			c.fresh.Put(connected.Hash, nil) // the chain has it
		}
		c.do(c.m.Known(c.s.now(), connected.Hash))
	}
	if e.Partial || e.IsBehind() || len(e.Connected) == 0 {
		return
	}
	if c.isQuiet = !c.s.syncer.atTip(); !c.isQuiet {
		c.announceTip()
	}
}

// announceTip announces the tip, unless there is another one by the time it is encoded.
func (c *compactor) announceTip() {
	c.isQuiet = false
	hash := c.s.o.Chain.Tip().Hash
	c.serve(hash, func(*wire.Compact) {
		if branch := c.branch(hash); len(branch) > 0 && c.s.o.Chain.Tip().Hash == hash {
			c.do(c.m.Tip(c.s.now(), branch))
		}
	})
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

// serve calls use, on the loop, with the compact form of a block in which this node
// sends it, or with nil if the block cannot be read. All who want one block at a time get
// the same form, so that requests for others hardly delay that of the tip.
func (c *compactor) serve(hash pow.Hash, use func(*wire.Compact)) {
	if found, ok := c.served.Get(hash); ok {
		use(found)
		return
	}
	c.encoding[hash] = append(c.encoding[hash], use)
	if len(c.encoding[hash]) > 1 {
		return
	}
	c.encoder.put(func() {
		var made *wire.Compact
		if b, err := c.s.o.Chain.Block(hash); err == nil {
			made = c.compactOf(b, nil)
		}
		c.s.do(func() {
			if made != nil {
				c.served.Put(hash, made)
			}
			uses := c.encoding[hash]
			delete(c.encoding, hash)
			for _, use := range uses {
				use(made)
			}
		})
	})
}

// push sends the compact form of a new block to a peer.
func (c *compactor) push(a relay.Push) {
	p := c.s.peers[slots.ID(a.Peer)]
	found, ok := c.served.Get(a.Hash)
	if p != nil && ok {
		sendForm(p, found)
	}
}

// manyIDs make a compact form that waits for memory: it must not be dropped.
const manyIDs = 5000

// sendForm sends a compact form.
func sendForm(p *peer, m *wire.Compact) {
	if len(m.IDs) < manyIDs {
		p.send(m)
		return
	}
	// The errors of the link need no answer.
	_ = p.link.SendLater(wire.KindCompact, func() (wire.Message, error) { return m, nil })
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
	c.serve(hash, func(found *wire.Compact) {
		c.serving--
		switch {
		case c.s.peers[p.id] != p:
		case found == nil:
			absent(wire.CauseUnknown)
		default:
			c.m.Knows(relay.PeerID(p.id), hash)
			sendForm(p, found)
		}
	})
}

// serveParts answers a request for records of a block that the peer has in compact
// form. The block need not be connected yet.
func (c *compactor) serveParts(p *peer, m *wire.GetParts) error {
	absent := &wire.Absent{Request: wire.KindGetParts, Hashes: []pow.Hash{m.Block}}
	fresh, _ := c.fresh.Get(m.Block)
	if fresh == nil && !c.isRecent(m.Block) {
		p.send(absent)
		return nil
	}
	if known, ok := c.served.Get(m.Block); ok {
		if last := m.Indices[len(m.Indices)-1]; int64(last) >= int64(known.Count()) {
			return broke(wire.ReasonProtocol, "record %d of a block of %d", last, known.Count())
		}
	}
	_ = p.link.SendLater(wire.KindParts, func() (wire.Message, error) { // an error: the link has ended
		parts := &wire.Parts{Block: m.Block}
		size := wire.HeaderSize + len(m.Block) + 4
		records, err := c.records(fresh, m)
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

// records returns the encoded records that were requested. Fresh is the block if it is
// not connected. Safe for concurrent use.
func (c *compactor) records(fresh *block.Block, m *wire.GetParts) ([][]byte, error) {
	parts := make([][]byte, 0, len(m.Indices))
	if fresh != nil {
		for _, i := range m.Indices {
			if int64(i) >= int64(len(fresh.Records)) {
				return nil, fmt.Errorf("block %v has no record %d", m.Block, i)
			}
			parts = append(parts, fresh.Records[i].Encode())
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
