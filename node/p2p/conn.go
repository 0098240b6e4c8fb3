package p2p

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"stele/internal/text"
	"stele/node/p2p/link"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
	"stele/node/query"
)

const (
	greetTime = 5 * time.Second // for the handshake of TLS and the hello together
	byeTime   = 2 * time.Second // after which a connection that ends is closed
	maxGone   = 50
)

// converse secures a connection, and runs it until it ends. verify decides about the
// key of the peer. p has its kind and address. The loop is not involved before the
// handshake is done.
func (s *Server) converse(conn net.Conn, p *peer, verify func(link.ID) error) error {
	deadline := time.Now().Add(greetTime)
	handshake, cancel := context.WithDeadline(s.ctx, deadline)
	defer cancel()
	secure := link.Server
	if p.isOutbound() {
		secure = link.Client
	}
	p.local = addrOf(conn.LocalAddr())
	secured, key, err := secure(handshake, conn, s.key, verify)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(s.ctx)
	defer stop(nil)
	p.key, p.stop, p.meter = key, stop, newMeter()
	if !s.isNeeded(ctx, p) {
		_ = secured.Close() // nothing was sent
		return &fault{reason: wire.ReasonDuplicate, text: "the peer has called this node", quiet: true}
	}
	p.helloTime = time.AfterFunc(time.Until(deadline), func() { stop(errNoHello) })
	defer p.helloTime.Stop()
	p.link = link.New(secured, link.Options{
		Limits: s.limits(), Budget: s.budget, PushBudget: s.pushes, SendBudget: s.sending, Solicited: p.expects,
		Received: func(k wire.Kind, n int) {
			s.counts.received(k, n)
			p.received.Add(uint64(n))
			p.heard.Store(time.Now().UnixNano())
			p.meter.frame = n
		},
		Sent: func(k wire.Kind, n int) {
			s.counts.sent(k, n)
			p.sent.Add(uint64(n))
			p.meter.sent(k, n)
		},
	})
	if p.isOutbound() {
		p.send(s.hello(p))
	}
	return p.link.Run(ctx, func(m wire.Message) error { return s.receive(ctx, p, m) })
}

// limits returns the limits of messages.
func (s *Server) limits() wire.Limits { return wire.Limits{MaxBlockSize: s.o.Params.MaxBlockSize} }

// receive hands a message to the loop and waits until it is handled. It is called by
// the reader of the peer.
func (s *Server) receive(ctx context.Context, p *peer, m wire.Message) error {
	if f := p.meter.wait(ctx, p, m); f != nil {
		s.do(func() { s.drop(p, f) })
		return nil // the link reads until the bye is sent
	}
	answer := make(chan (<-chan struct{}), 1)
	s.do(func() { answer <- s.handle(p, m) })
	var wait <-chan struct{}
	select {
	case wait = <-answer:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if wait == nil {
		return nil
	}
	select {
	case <-wait:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// handle handles a message of a peer. The next one is read after the channel is
// closed, or at once if it is nil.
func (s *Server) handle(p *peer, m wire.Message) <-chan struct{} {
	if p.end != nil {
		return nil
	}
	wait, err := s.dispatch(p, m)
	if err != nil {
		f := &fault{reason: reasonInternal, quiet: true, text: text.Error(err, wire.MaxText).Error()}
		errors.As(err, &f)
		s.drop(p, f)
		return nil
	}
	return wait
}

// dispatch hands a message to what handles its kind.
func (s *Server) dispatch(p *peer, m wire.Message) (<-chan struct{}, error) {
	if bye, ok := m.(*wire.Bye); ok {
		s.goodbye(p, bye)
		return nil, nil
	}
	if !p.isReady {
		return nil, s.greet(p, m)
	}
	if m.Kind() == wire.KindHello {
		return nil, broke(wire.ReasonProtocol, "a second hello")
	}
	if part := s.handles(m); part != nil {
		return part.handle(p, m)
	}
	return nil, nil
}

// goodbye notes that the peer ends the connection.
func (s *Server) goodbye(p *peer, bye *wire.Bye) {
	f := &fault{reason: bye.Reason, text: bye.Text, quiet: true, byPeer: true}
	if !p.isReady && p.isOutbound() && (bye.Reason == wire.ReasonWrongNetwork || bye.Reason == wire.ReasonSelf) {
		s.book.Remove(p.addr)
	}
	s.leave(p, f)
	p.stop(f)
}

// drop ends the connection to a peer. The parts get gone after the present call of
// the loop. Only the first fault of a peer counts.
func (s *Server) drop(p *peer, f *fault) {
	if p.end != nil {
		return
	}
	s.leave(p, f)
	bye, before := &wire.Bye{}, []wire.Message(nil) // without a reason it is not sent
	if !f.quiet {
		bye = &wire.Bye{Reason: f.reason, Text: printable(f.text)}
	}
	if f.reason == wire.ReasonFull {
		before = append(before, s.addresses.sample(wire.MaxUnsolicitedAddrs))
	}
	p.link.Close(bye, before...)
	time.AfterFunc(byeTime, func() { p.stop(f) })
}

// leave does all that follows from the end of a connection or a failed call, except
// for freeing its slot.
func (s *Server) leave(p *peer, f *fault) {
	p.end = f
	now := s.now()
	if s.peers[p.id] == p {
		delete(s.peers, p.id)
		s.do(func() {
			for _, part := range s.parts {
				part.gone(p)
			}
		})
	}
	if f.discourage && p.kind != slots.Manual && !s.isShared(p.addr.Addr()) {
		s.book.Discourage(now, p.addr.Addr())
	}
	if (p.isReady || p.isOutbound()) && f.reason != wire.ReasonDuplicate { // those who only knock must not displace others
		s.noteGone(now, p)
	}
	s.counts.ended(p)
	s.log.Debug("peer disconnected", "peer", p.addr, "kind", p.kind, "reason", f.reason, "err", f.text, "by-peer", f.byPeer)
	s.manual.ended(p)
}

// isShared reports whether an address is that of all nodes on this machine, which would
// pay for one of them.
func (s *Server) isShared(addr netip.Addr) bool {
	return addr.IsLoopback() && !s.book.Group(addr).IsValid()
}

// noteGone adds a connection that ends, or a failed call, to those that status shows.
func (s *Server) noteGone(now time.Time, p *peer) {
	gone := query.GonePeer{
		Address: p.addr.String(), Inbound: !p.isOutbound(), Since: p.since, Until: now,
		Reason: string(p.end.reason), Text: p.end.text, ByPeer: p.end.byPeer,
	}
	if p.link != nil {
		gone.Key = p.key.String()
	} else { // one entry for all calls that failed in this way
		s.gone = slices.DeleteFunc(s.gone, func(g query.GonePeer) bool {
			return g.Key == "" && g.Address == gone.Address && g.Reason == gone.Reason
		})
	}
	s.gone = append([]query.GonePeer{gone}, s.gone[:min(len(s.gone), maxGone-1)]...)
}

// ended frees the slot of a connection that has ended, for an error if nobody knows
// yet why, or of a call that failed.
func (s *Server) ended(p *peer, err error) {
	if p.end == nil {
		f := faultOf(err)
		if f.reason == reasonClosed && p.link == nil {
			f.reason = reasonHandshake
		}
		s.leave(p, f)
	}
	if p.id != 0 {
		s.slots.Close(s.now(), p.id, p.end.failed)
		s.saveAnchors()
		s.dialer.hurry()
	}
}

// gaveBlock notes that a peer was the first to give a block.
func (s *Server) gaveBlock(p *peer) {
	p.gaveBlocks++
	s.slots.GaveBlock(s.now(), p.id)
}

// gaveRecord notes that a peer was the first to give a record that the pool took.
func (s *Server) gaveRecord(p *peer) {
	p.gaveRecords++
	s.slots.GaveRecord(s.now(), p.id)
}

// addrOf returns the address of one end of a connection; zero if it is of no kind that
// nodes have.
func addrOf(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		addr := tcp.AddrPort()
		return netip.AddrPortFrom(addr.Addr().Unmap().WithZone(""), addr.Port())
	}
	return netip.AddrPort{}
}

// printable returns a text as a bye may have it.
func printable(s string) string {
	b := []byte(text.Clean(s, wire.MaxText))
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}
