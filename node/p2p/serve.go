package p2p

import (
	"errors"
	"slices"

	"stele/engine/pow"
	"stele/node/p2p/wire"
	"stele/node/store"
)

// manyHeaders make an answer that waits for memory: it must not be dropped.
const manyHeaders = 500

// serveHeaders answers with headers of the active chain. Too few to fill the message
// end the chain.
func (y *syncer) serveHeaders(p *peer, m *wire.GetHeaders) {
	answer := func(max int) *wire.Headers {
		return &wire.Headers{Headers: y.s.o.Chain.HeadersAfter(m.Locator, m.Stop, max)}
	}
	if few := answer(manyHeaders); len(few.Headers) < manyHeaders {
		p.send(few)
		return
	}
	// The errors of the link need no answer.
	_ = p.link.SendLater(wire.KindHeaders, func() (wire.Message, error) { return answer(wire.MaxHeaders), nil })
}

// serveBlocks answers with bodies.
func (y *syncer) serveBlocks(p *peer, m *wire.GetBlocks) {
	for _, hash := range m.Hashes {
		switch j := y.connecting[hash]; {
		case j == nil:
			y.serveBlock(p, hash)
		case slices.Contains(j.waiters, p): // one request of a peer is enough
			p.send(absentBlock(hash, wire.CauseBusy))
		default:
			j.waiters = append(j.waiters, p) // it is answered when the verdict is known
		}
	}
}

// serveBlock answers with one body. The node gives only blocks that are, or lately
// were, in its active chain: those it has connected, so that it can answer for them.
func (y *syncer) serveBlock(p *peer, hash pow.Hash) {
	c := y.s.o.Chain
	h, ok := c.Header(hash)
	switch {
	case !ok || h.Invalid || !h.InChain && !y.formerly.Has(hash):
		p.send(absentBlock(hash, wire.CauseUnknown))
	case h.InChain && h.Height < c.Oldest():
		p.send(absentBlock(hash, wire.CausePruned))
	default:
		p.height = max(p.height, h.Height)
		// The errors of the link need no answer.
		_ = p.link.SendLater(wire.KindBlock, func() (wire.Message, error) { return y.s.readBlock(hash), nil })
	}
}

// readBlock returns the message with a body, or why there is none. Safe for concurrent
// use.
func (s *Server) readBlock(hash pow.Hash) wire.Message {
	raw, err := s.o.Chain.Raw(hash)
	switch {
	case err == nil:
		return &wire.Block{Raw: raw}
	case errors.Is(err, store.ErrPruned):
		return absentBlock(hash, wire.CausePruned)
	case errors.Is(err, store.ErrNotFound):
		return absentBlock(hash, wire.CauseUnknown)
	}
	s.warnSeldom("block not read", "block", hash, "err", err)
	return absentBlock(hash, wire.CauseBusy)
}

func absentBlock(hash pow.Hash, cause wire.Cause) *wire.Absent {
	return &wire.Absent{Request: wire.KindGetBlocks, Cause: cause, Hashes: []pow.Hash{hash}}
}
