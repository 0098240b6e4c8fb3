package p2p

import (
	"errors"

	"stele/node/ledger/reject"
	"stele/node/p2p/relay"
	"stele/node/p2p/wire"
)

// rebuilt is the result of an attempt to rebuild a block.
type rebuilt struct {
	result relay.Result
	how    string        // as it is counted
	served *wire.Compact // if the result is Whole: the compact form of this node
	fault  *fault        // if it is Faulty
}

// assemble rebuilds a block from what a peer has sent of it, in the rebuilder: the
// short ids of all records of the pool take milliseconds.
func (c *compactor) assemble(key formKey) {
	f := c.forms[key]
	parts := f.parts
	f.parts = nil
	c.rebuilder.put(func() {
		r := c.attempt(f, parts)
		c.s.do(func() { c.assembled(key, f, r) })
	})
}

// attempt rebuilds a block, as far as that is possible now.
func (c *compactor) attempt(f *form, parts [][]byte) (r rebuilt) {
	var lacking []uint32
	var err error
	how := "whole"
	if f.rebuild == nil {
		f.rebuild, err = relay.NewRebuild(f.compact, c.s.o.Pool.Records(), c.s.o.Pool.Recent())
	} else if parts != nil {
		how, lacking = "parts", f.rebuild.Missing()
		err = f.rebuild.Fill(parts)
	}
	if err != nil {
		return faulty(err)
	}
	f.block = f.rebuild.Block()
	switch {
	case f.block == nil && f.rebuild.IsMostlyKnown():
		return rebuilt{result: relay.SomeMissing}
	case f.block == nil:
		return rebuilt{result: relay.MostMissing, how: "full"}
	}
	if err := f.block.Check(c.s.o.Params); err != nil {
		if reason, _ := reject.Of(err); reason.BodyMismatch() {
			return rebuilt{result: relay.Mismatch, how: "failed"}
		}
		return rebuilt{result: relay.Invalid, how: how}
	}
	// Peers would blame this node for bad signatures, if it pushed the block on. Those of
	// the pool's records are known to be good.
	if bad, _ := c.s.o.Verifier.Verify(f.block.Records[1:]); bad >= 0 {
		return rebuilt{result: relay.Invalid, how: how}
	}
	for _, p := range f.compact.Prefilled[1:] {
		lacking = append(lacking, p.Index) // who sent them lacked them, too
	}
	return rebuilt{result: relay.Whole, how: how, served: c.compactOf(f.block, lacking)}
}

// faulty returns the result for records that the peer should not have sent. A record
// that only a newer program knows is nobody's fault.
func faulty(err error) rebuilt {
	reason, rejected := reject.Of(err)
	switch {
	case errors.Is(err, relay.ErrParts):
		return rebuilt{result: relay.Faulty, how: "failed", fault: broke(wire.ReasonProtocol, "%v", err)}
	case rejected && reason.Fault():
		return rebuilt{result: relay.Faulty, how: "failed", fault: broke(wire.Reason(reason), "%v", err)}
	}
	return rebuilt{result: relay.MostMissing, how: "failed"}
}

// assembled handles the result of assemble.
func (c *compactor) assembled(key formKey, f *form, r rebuilt) {
	if c.forms[key] != f {
		return // the chain has got the block elsewhere
	}
	if r.how != "" {
		c.s.counts.rebuilt(r.how)
	}
	if r.served != nil {
		c.served.Put(key.hash, r.served)
		c.fresh.Put(key.hash, f.block)
	}
	c.do(c.m.Assembled(c.s.now(), relay.PeerID(key.peer), key.hash, r.result))
	if r.fault != nil && c.s.peers[key.peer] == f.peer {
		c.s.drop(f.peer, r.fault)
	}
}
