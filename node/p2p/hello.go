package p2p

import (
	"errors"
	"fmt"

	"stele/node/ledger/network"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
)

// hello returns the hello for a peer.
func (s *Server) hello(p *peer) *wire.Hello {
	tip := s.o.Chain.Tip()
	h := &wire.Hello{
		Protocol: wire.Protocol, MinProtocol: wire.MinProtocol, Network: s.o.Params.ID, Genesis: s.genesis,
		Services: s.services(), Height: tip.Height, Tip: tip.Hash, Work: tip.Work, Port: s.port(),
		Nonce: s.nonce, MinFeeRate: s.records.reported.Load(), Agent: s.o.Agent,
	}
	if p.kind == slots.BlocksOnly || p.kind == slots.Feeler {
		h.Services &^= wire.TakesRecords
	}
	return h
}

// services returns what this node serves.
func (s *Server) services() wire.Services {
	all := wire.ServesBlocks | wire.TakesRecords
	if s.o.Chain.Oldest() > 0 { // it prunes
		all = wire.ServesRecentBlocks | wire.TakesRecords
	}
	if s.o.Custody != nil {
		all |= wire.KeepsBlobs
	}
	return all
}

// greet takes the first message of a peer. The side that was called answers with its
// hello once there is a slot for the caller.
func (s *Server) greet(p *peer, m wire.Message) error {
	if addrs, ok := m.(*wire.Addrs); ok && p.isOutbound() && !p.gotAddrs {
		p.gotAddrs = true // a node that has no room gives addresses before its bye
		s.addresses.take(p, addrs)
		return nil
	}
	h, ok := m.(*wire.Hello)
	if !ok {
		return broke(wire.ReasonProtocol, "%s before hello", m.Kind())
	}
	version, f := s.checkHello(h)
	if f != nil {
		if p.isOutbound() {
			s.book.Remove(p.addr)
		}
		return f
	}
	if f := s.resolveDuplicate(p); f != nil {
		return f
	}
	if !p.isOutbound() {
		if f := s.admit(p); f != nil {
			return f
		}
		p.greeted()
		p.send(s.hello(p))
	}
	p.hello, p.protocol, p.height, p.minFeeRate = *h, version, h.Height, h.MinFeeRate
	p.helloTime.Stop()
	s.welcome(p)
	return nil
}

// checkHello returns the version of the protocol to use with the sender of a hello, or
// why this node does not talk to it.
func (s *Server) checkHello(h *wire.Hello) (version uint16, f *fault) {
	own := wire.Hello{Protocol: wire.Protocol, MinProtocol: wire.MinProtocol}
	wrong := func(format string, args ...any) *fault {
		return &fault{reason: wire.ReasonWrongNetwork, text: fmt.Sprintf(format, args...)}
	}
	version, ok := own.Common(h)
	switch {
	case h.Nonce == s.nonce:
		f = &fault{reason: wire.ReasonSelf, text: "the node has called itself"}
	case h.Network != s.o.Params.ID:
		f = wrong("network %s, must be %s", networkName(h.Network), s.o.Params.Name)
	case h.Genesis != s.genesis:
		f = wrong("genesis block %s, must be %s", h.Genesis, s.genesis)
	case !ok:
		f = wrong("protocols %d to %d, must have one of %d to %d", h.MinProtocol, h.Protocol, own.MinProtocol, own.Protocol)
	}
	return version, f
}

// networkName returns the name of a network, or its id if this node does not know it.
func networkName(id uint32) string {
	for _, p := range network.All() {
		if p.ID == id {
			return p.Name
		}
	}
	return fmt.Sprintf("%08x", id)
}

// admit gives an inbound peer a slot, or returns why there is none for it.
func (s *Server) admit(p *peer) *fault {
	id, evicted, err := s.slots.Accept(s.now(), p.addr)
	if err != nil {
		f := &fault{reason: wire.ReasonFull, text: err.Error()}
		if errors.Is(err, slots.ErrTooMany) {
			f.reason = wire.ReasonTooMuch
		}
		return f
	}
	if q := s.peers[evicted]; q != nil {
		s.drop(q, &fault{reason: wire.ReasonFull, text: "another peer takes the slot"})
	}
	p.id = id
	return nil
}

// welcome makes a peer ready.
func (s *Server) welcome(p *peer) {
	p.isReady = true
	now := s.now()
	done := s.slots.Ready(now, p.id, uint64(p.hello.Services))
	s.saveAnchors()
	s.log.Debug("peer connected", "peer", p.addr, "kind", p.kind, "key", p.key, "agent", p.hello.Agent, "height", p.hello.Height)
	if done {
		s.drop(p, &fault{reason: reasonFeeler, text: "the address works", quiet: true})
		return
	}
	s.counts.welcomed(p)
	s.manual.connected(p)
	s.peers[p.id] = p
	for _, part := range s.parts {
		part.ready(p)
	}
}
