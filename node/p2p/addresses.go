package p2p

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"stele/node/chain"
	"stele/node/p2p/book"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
)

const (
	announceEvery = 24 * time.Hour
	// Seeds are asked if fewer than minOutbound peers are connected seedAfter the start,
	// and again after seedEvery. A node that knows nobody else asks them at once.
	minOutbound = 2
	seedAfter   = 10 * time.Second
	seedEvery   = 10 * time.Minute
	// The first addresses are saved soon, in case the program is killed.
	firstSave  = 10 * time.Second
	lookupTime = 10 * time.Second
	// maxPerName bounds the addresses that one name gives.
	maxPerName = 64
)

// addresses is the part that learns addresses of peers and gives them.
type addresses struct {
	s        *Server
	seeds    time.Time // when they are asked next, if need be
	announce time.Time // when the own address is announced next
	save     time.Time // when the book is saved next
	isFirst  bool      // the book was empty, and is not saved yet

	drawn     []book.Address // the last sample, for all who ask until drawnTill
	drawnTill time.Time
}

func newAddresses(s *Server) *addresses {
	now := s.now()
	a := &addresses{s: s, seeds: now.Add(seedAfter), announce: now.Add(announceEvery), save: now.Add(saveEvery)}
	fresh, tried := s.book.Len()
	a.isFirst = fresh+tried == 0
	if a.isFirst && len(s.o.Peers) == 0 {
		a.seeds = now
	}
	return a
}

// ready asks a full peer that this node called for addresses, and notes where a caller
// listens. Peers for blocks only stay out of it, so that nobody finds them by what
// they announce.
func (a *addresses) ready(p *peer) {
	s := a.s
	switch p.kind {
	case slots.Inbound:
		if port := p.hello.Port; port != 0 {
			addr := netip.AddrPortFrom(p.addr.Addr(), port)
			s.book.Add(s.now(), p.addr.Addr(), book.Announced{Addr: addr, Services: uint64(p.hello.Services), Seen: s.now()})
			s.dialer.hurry()
		}
	case slots.Full, slots.Manual:
		if a.isFirst {
			a.isFirst, a.save = false, s.now().Add(firstSave)
		}
		p.expect(wire.KindAddrs, 1)
		p.asked = true
		p.send(&wire.GetAddrs{})
		a.introduce(p)
	}
}

func (a *addresses) gone(*peer) {}

func (a *addresses) changed(chain.Event) {}

func (a *addresses) handle(p *peer, m wire.Message) (<-chan struct{}, error) {
	switch m := m.(type) {
	case *wire.GetAddrs:
		if !p.isOutbound() && !p.gotAddrs { // once; a peer that this node called could learn its other peers
			p.gotAddrs = true
			p.send(a.sample(wire.MaxAddrs))
		}
	case *wire.Addrs:
		if p.asked {
			p.asked = false
			p.expect(wire.KindAddrs, -1)
		}
		if p.kind != slots.BlocksOnly {
			a.take(p, m)
		}
	}
	return nil, nil
}

// drawCost is how long a sample is used for each address of the book: a minute for a full
// one, so that peers that come and go cost the loop little.
const drawCost = 4 * time.Millisecond

// draw returns at most max addresses of a recent sample, in random order.
func (a *addresses) draw(now time.Time, max int) []book.Address {
	if !now.Before(a.drawnTill) {
		fresh, tried := a.s.book.Len()
		a.drawn = a.s.book.Sample(now, wire.MaxAddrs)
		a.drawnTill = now.Add(time.Duration(fresh+tried) * drawCost)
	}
	some := slices.Clone(a.drawn)
	rand.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	return some[:min(len(some), max)]
}

// sample returns some addresses for a peer.
func (a *addresses) sample(max int) *wire.Addrs {
	now, m := a.s.now(), &wire.Addrs{}
	for _, addr := range a.draw(now, max) {
		hours := now.Sub(addr.Seen) / time.Hour
		m.Addrs = append(m.Addrs, wire.Addr{
			Addr: addr.Addr, Services: wire.Services(addr.Services), Age: uint16(min(hours, 1<<16-1)),
		})
	}
	return m
}

// take adds what a peer announces to the book.
func (a *addresses) take(p *peer, m *wire.Addrs) {
	now := a.s.now()
	var all []book.Announced
	for _, addr := range m.Addrs {
		seen := now.Add(-time.Duration(addr.Age) * time.Hour)
		all = append(all, book.Announced{Addr: addr.Addr, Services: uint64(addr.Services), Seen: seen})
	}
	if a.s.book.Add(now, p.addr.Addr(), all...) > 0 {
		a.s.dialer.hurry()
	}
}

// introduce announces to a peer where this node listens, if it knows.
func (a *addresses) introduce(p *peer) {
	port := a.s.port()
	addr := netip.AddrPortFrom(p.local.Addr(), port)
	if port == 0 || !a.s.book.Accepts(addr) {
		return
	}
	p.send(&wire.Addrs{Addrs: []wire.Addr{{Addr: addr, Services: a.s.services()}}})
}

// port returns where this node listens; 0: nowhere.
func (s *Server) port() uint16 {
	if s.listener == nil {
		return 0
	}
	return addrOf(s.listener.Addr()).Port()
}

func (a *addresses) due() time.Time {
	first := a.announce
	for _, t := range []time.Time{a.seeds, a.save} {
		if t.Before(first) {
			first = t
		}
	}
	return first
}

func (a *addresses) tick(now time.Time) {
	if !now.Before(a.announce) {
		a.announce = now.Add(announceEvery)
		for _, p := range a.s.peers {
			if p.kind == slots.Full || p.kind == slots.Manual {
				a.introduce(p)
			}
		}
	}
	if !now.Before(a.save) {
		a.save = now.Add(saveEvery)
		a.s.saveBook()
	}
	if !now.Before(a.seeds) {
		a.seeds = now.Add(seedEvery)
		if a.s.outbound() < minOutbound && !a.s.o.OnlyPeers {
			for _, seed := range a.s.o.Seeds {
				a.s.work.Go(func() { a.ask(seed) })
			}
		}
	}
}

// ask asks a seed for addresses: it looks up its name.
func (a *addresses) ask(seed string) {
	s := a.s
	addrs, err := s.lookup(seed)
	if err != nil {
		s.log.Warn("seed unreachable", "seed", seed, "err", err)
		return
	}
	s.do(func() {
		now := s.now()
		var all []book.Announced
		for _, addr := range addrs {
			all = append(all, book.Announced{Addr: addr, Seen: now})
		}
		// All come from one source, so that a seed cannot fill the book.
		added := s.book.Add(now, addrs[0].Addr(), all...)
		s.log.Info("seed asked", "seed", seed, "addresses", len(addrs), "added", added)
		s.dialer.hurry()
	})
}

// lookup returns the addresses of HOST:PORT, at least one. The order is that of the
// resolver.
func (s *Server) lookup(hostport string) ([]netip.AddrPort, error) {
	if addr, err := netip.ParseAddrPort(hostport); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())}, nil
	}
	host, portText, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(s.ctx, lookupTime)
	defer cancel()
	ips, err := s.o.Resolve(ctx, host)
	if err == nil && len(ips) == 0 {
		err = &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	if err != nil {
		return nil, err
	}
	var addrs []netip.AddrPort
	for _, ip := range ips[:min(len(ips), maxPerName)] {
		addrs = append(addrs, netip.AddrPortFrom(ip.Unmap(), uint16(port)))
	}
	return slices.Clip(addrs), nil
}
