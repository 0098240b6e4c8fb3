package p2p

import (
	"bytes"
	"context"

	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
)

// Two nodes whose operators name each other keep one connection: of two, the one that
// the node with the lower key called. Connections that the nodes choose by themselves
// may run in both directions, since only a call shows that an address works.

// connectedTo returns a peer that is ready and has a key, or nil.
func (s *Server) connectedTo(p *peer, which func(*peer) bool) *peer {
	for _, q := range s.peers {
		if q != p && q.key == p.key && which(q) {
			return q
		}
	}
	return nil
}

func isInbound(p *peer) bool { return !p.isOutbound() }
func isManual(p *peer) bool  { return p.kind == slots.Manual }

// isNeeded reports whether a connection to a manual peer, whose key is known now, is
// worth a hello: the peer has not called this node already.
func (s *Server) isNeeded(ctx context.Context, p *peer) bool {
	if p.kind != slots.Manual {
		return true
	}
	answer := make(chan bool, 1)
	s.do(func() { answer <- s.connectedTo(p, isInbound) == nil })
	select {
	case is := <-answer:
		return is
	case <-ctx.Done():
		return true
	}
}

// resolveDuplicate compares a peer that has said hello with the other connection to the
// same node, if one of them is to a manual peer. It ends the other one, or returns why
// the new one ends.
func (s *Server) resolveDuplicate(p *peer) *fault {
	other := s.connectedTo(p, isManual)
	if p.kind == slots.Manual {
		other = s.connectedTo(p, isInbound)
	}
	if other == nil || other.isOutbound() == p.isOutbound() {
		return nil
	}
	own := s.key.ID()
	isLower := bytes.Compare(own[:], p.key[:]) < 0
	f := &fault{reason: wire.ReasonDuplicate, text: "another connection of the two nodes stays"}
	if isLower != p.isOutbound() {
		return f
	}
	s.drop(other, f)
	return nil
}
