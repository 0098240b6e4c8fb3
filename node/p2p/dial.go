package p2p

import (
	"context"
	"time"

	"stele/node/chain"
	"stele/node/p2p/link"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
)

const (
	dialTime = 5 * time.Second
	// How often slots are asked for the next call: after a call, while a peer is missing,
	// and else.
	dialEvery    = 250 * time.Millisecond
	missingEvery = time.Second
	idleEvery    = 10 * time.Second
)

// dialer is the part that calls peers.
type dialer struct {
	s    *Server
	next time.Time
}

func newDialer(s *Server) *dialer { return &dialer{s: s, next: s.now()} }

// hurry makes the dialer look for calls soon.
func (d *dialer) hurry() {
	if soon := d.s.now().Add(dialEvery); soon.Before(d.next) {
		d.next = soon
	}
}

func (d *dialer) ready(*peer) {}

func (d *dialer) gone(p *peer) {
	d.s.manual.gone(p)
	d.hurry()
}

func (d *dialer) handle(*peer, wire.Message) (<-chan struct{}, error) { return nil, nil }

func (d *dialer) changed(chain.Event) {}

func (d *dialer) due() time.Time { return d.next }

func (d *dialer) tick(now time.Time) {
	s := d.s
	if p := s.peers[s.slots.Surplus()]; p != nil {
		s.drop(p, &fault{reason: wire.ReasonFull, text: "there are enough peers"})
	}
	s.manual.tick(now)
	d.next = now.Add(idleEvery)
	if d.isMissing() {
		d.next = now.Add(missingEvery)
	}
	for _, call := range s.slots.Next(now) {
		d.next = now.Add(dialEvery)
		s.counts.calls++
		p := &peer{id: call.ID, kind: call.Kind, addr: call.Addr, since: now}
		verify := s.manual.verify(call)
		s.work.Go(func() { s.call(p, verify) })
	}
}

// isMissing reports whether a peer is missing that could be called: one that the
// operator names, or another one.
func (d *dialer) isMissing() bool {
	s := d.s
	if s.manual.isMissing() {
		return true
	}
	fresh, tried := s.book.Len()
	return !s.o.OnlyPeers && fresh+tried > 0 && s.slots.Count(slots.Full)+s.slots.Count(slots.BlocksOnly) < slots.MaxChosen
}

// call calls a peer, and runs the connection until it ends.
func (s *Server) call(p *peer, verify func(link.ID) error) {
	ctx, cancel := context.WithTimeout(s.ctx, dialTime)
	conn, err := s.o.Transport.Dial(ctx, p.addr.String())
	cancel()
	if err != nil {
		err = &fault{reason: reasonUnreachable, text: faultOf(err).text, quiet: true, failed: true}
	} else {
		err = s.converse(conn, p, verify)
	}
	s.do(func() { s.ended(p, err) })
}

// outbound returns how many peers are connected that this node chose or was given.
func (s *Server) outbound() int {
	n := 0
	for _, p := range s.peers {
		if p.kind == slots.Full || p.kind == slots.BlocksOnly || p.kind == slots.Manual {
			n++
		}
	}
	return n
}
