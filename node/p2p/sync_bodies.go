package p2p

import (
	"runtime"

	"stele/engine/pow"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/p2p/blocksync"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
)

// heldKey names a body that is kept for the machine of the bodies.
type heldKey struct {
	hash pow.Hash
	peer blocksync.PeerID
}

// body is one that a peer has sent.
type body struct {
	heldKey
	raw   []byte       // until it is decoded
	block *block.Block // nil: not decoded yet
}

// do does what the machine of the bodies says.
func (y *syncer) do(actions []blocksync.Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case blocksync.Request:
			if p := y.s.peers[slots.ID(a.Peer)]; p != nil {
				p.expect(wire.KindBlock, len(a.Hashes))
				p.expect(wire.KindAbsent, len(a.Hashes))
				p.send(&wire.GetBlocks{Hashes: a.Hashes})
			}
		case blocksync.Check:
			if b := y.held[heldKey{a.Hash, a.Peer}]; b != nil {
				y.checks.put(b)
			}
		case blocksync.Deliver:
			y.deliver(heldKey{a.Hash, a.Peer})
		case blocksync.Discard:
			delete(y.held, heldKey{a.Hash, a.Peer})
		case blocksync.Drop:
			y.dropSlow(a)
		}
	}
}

// dropSlow ends the connection to a peer that the machine gives up. One with an
// invalid body has been dropped already, if it is to blame.
func (y *syncer) dropSlow(a blocksync.Drop) {
	p := y.s.peers[slots.ID(a.Peer)]
	switch {
	case p == nil || a.Reason == blocksync.InvalidBlock:
	case a.Reason == blocksync.Stalling:
		y.s.drop(p, slow(wire.ReasonStalling, "a block holds up the download"))
	default:
		y.s.drop(p, slow(wire.ReasonLate, "a block did not come in time"))
	}
}

// noBody notes that one body less is expected of the peer.
func (sp *syncPeer) noBody() {
	sp.expect(wire.KindBlock, -1)
	sp.expect(wire.KindAbsent, -1)
}

// takeBody handles a body that a peer sends.
func (y *syncer) takeBody(sp *syncPeer, m *wire.Block) error {
	h, err := m.Header()
	if err != nil {
		return broke(wire.ReasonProtocol, "a block of %d bytes", len(m.Raw))
	}
	key := heldKey{h.Hash(), blocksync.PeerID(sp.id)}
	if !y.bodies.HasRequest(key.peer, key.hash) {
		if sp.excused {
			sp.noBody()
			return nil
		}
		return broke(wire.ReasonProtocol, "the block %v, which it was not asked for", key.hash)
	}
	sp.noBody()
	y.held[key] = &body{heldKey: key, raw: m.Raw}
	y.progress.bytes += int64(len(m.Raw))
	y.do(y.bodies.Handle(y.s.now(), blocksync.Received{Peer: key.peer, Hash: key.hash, Size: len(m.Raw)}))
	return nil
}

// takeAbsent handles the answer of a peer that it does not send a body.
func (y *syncer) takeAbsent(sp *syncPeer, m *wire.Absent) error {
	for _, hash := range m.Hashes {
		if !y.bodies.HasRequest(blocksync.PeerID(sp.id), hash) {
			if sp.excused {
				sp.noBody()
				continue
			}
			return broke(wire.ReasonProtocol, "no block %v, which it was not asked for", hash)
		}
		sp.noBody()
		// A peer that does not know a block may follow its branch soon.
		isBusy := m.Cause != wire.CausePruned
		y.do(y.bodies.Handle(y.s.now(), blocksync.Absent{Peer: blocksync.PeerID(sp.id), Hash: hash, Busy: isBusy}))
	}
	return nil
}

// deliver submits a body whose turn it is.
func (y *syncer) deliver(key heldKey) {
	b := y.held[key]
	if b == nil || b.block == nil {
		return
	}
	delete(y.held, key)
	y.connect(&job{from: slots.ID(key.peer), block: b.block, how: fromAnswer, isDelivered: true})
}

// checked handles the result of a check: the decoded block, or why the body does not
// belong to its header.
func (y *syncer) checked(b *body, decoded *block.Block, err error) {
	if y.held[b.heldKey] != b { // it was discarded meanwhile
		return
	}
	b.raw, b.block = nil, decoded
	if err != nil {
		y.blameForBody(slots.ID(b.peer), b.hash, err)
	}
	y.do(y.bodies.Handle(y.s.now(), blocksync.Checked{Peer: b.peer, Hash: b.hash, Valid: err == nil}))
	y.wake()
}

// blameForBody ends the connection to a peer that sent a body that is not the one of
// the header. No other node would have taken it.
func (y *syncer) blameForBody(id slots.ID, hash pow.Hash, err error) {
	reason, _ := reject.Of(err)
	if isOfLaterRules(reason) {
		y.unknown.note(y.s, id, hash, reason)
		if sp := y.peers[id]; sp != nil {
			sp.excused = true // the machine forgets its requests
		}
		return
	}
	if p := y.s.peers[id]; p != nil {
		y.s.drop(p, broke(wire.Reason(reason), "block %v: %s", hash, textOf(err)))
	}
}

// checkers returns the number of goroutines that check bodies.
func checkers() int { return max(2, runtime.GOMAXPROCS(0)) }

// maxTogether is the number of records whose signatures are checked together.
const maxTogether = 1024

// checks has the bodies that wait to be decoded and checked. The machine of the bodies
// bounds how many there are. Safe for concurrent use.
type checks struct{ queue[*body] }

// run checks bodies until the server ends: first what each shows by itself, then the
// signatures of several together. A bad signature is left to the chain: it remembers
// that the block is invalid.
func (c *checks) run(y *syncer) {
	for {
		select {
		case <-y.s.ctx.Done():
			return
		case <-c.more:
		}
		for y.s.ctx.Err() == nil {
			done, records := c.some(y)
			if len(done) == 0 {
				break
			}
			if len(records) > 0 {
				y.s.o.Verifier.VerifyEach(records)
			}
			y.s.do(func() {
				for _, d := range done {
					y.checked(d.body, d.block, d.err)
				}
			})
		}
	}
}

type checkedBody struct {
	body  *body
	block *block.Block
	err   error
}

// some takes bodies with up to about maxTogether records, and checks what they show by
// themselves.
func (c *checks) some(y *syncer) (done []checkedBody, records []*record.Record) {
	for len(records) < maxTogether {
		b, ok := c.take()
		if !ok {
			break
		}
		d := checkedBody{body: b}
		d.block, d.err = y.decode(b)
		if d.err == nil {
			records = append(records, d.block.Records[1:]...)
		}
		done = append(done, d)
	}
	return done, records
}

// decode decodes a body, and checks that it belongs to its header. A block that is
// invalid otherwise is for the chain to reject.
func (y *syncer) decode(b *body) (*block.Block, error) {
	params := y.s.o.Params
	decoded, err := block.Decode(b.raw, params.MaxBlockSize)
	if err != nil {
		return nil, err
	}
	if err := decoded.Check(params); err != nil {
		if reason, _ := reject.Of(err); reason.BodyMismatch() || len(decoded.Records) == 0 {
			return nil, err
		}
	}
	return decoded, nil
}
