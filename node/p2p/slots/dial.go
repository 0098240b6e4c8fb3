package slots

import (
	"net/netip"
	"slices"
	"time"

	"stele/node/p2p/book"
)

const (
	callEvery   = 250 * time.Millisecond // for calls that the node chooses
	feelerEvery = 2 * time.Minute

	// The pause before an address is called again doubles with each failure. For manual
	// peers, and for others that worked lately, it stays short: two halves of a network
	// that were apart agree within ten seconds, in which an earlier call may have to
	// fail first.
	minPause      = 2 * time.Second
	maxPause      = 10 * time.Minute
	maxShortPause = 4 * time.Second
	lately        = time.Hour
	servedPause   = time.Minute // of a manual peer that has called this node
)

// manualPeer is a peer that the operator names.
type manualPeer struct {
	addr     netip.AddrPort
	failures int
	next     time.Time // of the next call
	served   bool      // by another connection
}

// SetManual replaces the manual peers, for names whose addresses have changed.
// Connections to others stay.
func (s *Slots) SetManual(addrs []netip.AddrPort) {
	var all []*manualPeer
	for _, a := range addrs {
		a = clean(a)
		if slices.ContainsFunc(all, func(m *manualPeer) bool { return m.addr == a }) {
			continue
		}
		m := s.manualAt(a)
		if m == nil {
			m = &manualPeer{addr: a}
		}
		all = append(all, m)
	}
	s.manual = all
}

// manualAt returns the manual peer at an address, or nil.
func (s *Slots) manualAt(addr netip.AddrPort) *manualPeer {
	for _, m := range s.manual {
		if m.addr == addr {
			return m
		}
	}
	return nil
}

// noteManual sets when a manual peer is called again.
func (s *Slots) noteManual(now time.Time, addr netip.AddrPort, worked bool) {
	m := s.manualAt(addr)
	if m == nil {
		return
	}
	m.failures++
	if worked {
		m.failures, m.served = 0, false
	}
	d := pause(m.failures, maxShortPause)
	if m.served {
		d = servedPause
	}
	m.next = now.Add(s.jitter(d))
}

// Served notes that another connection leads to the manual peer at an address, which is
// called only now and then until [Slots.Lost].
func (s *Slots) Served(addr netip.AddrPort) {
	if m := s.manualAt(addr); m != nil {
		m.served = true
	}
}

// Lost notes that the other connection to the manual peer at an address has ended: it is
// called soon.
func (s *Slots) Lost(now time.Time, addr netip.AddrPort) {
	if m := s.manualAt(addr); m != nil && m.served {
		m.served, m.failures, m.next = false, 0, now
	}
}

// jitter shortens a pause by up to a quarter, so that many nodes that lost a peer at the
// same moment do not all call it at the same moment.
func (s *Slots) jitter(d time.Duration) time.Duration {
	return d - time.Duration(s.rand.Int64N(int64(d/4)))
}

// pause returns the time between two calls of an address.
func pause(failures int, limit time.Duration) time.Duration {
	return min(minPause<<min(failures, 20), limit)
}

// Next returns the calls to make now, each with a slot of its own: all to manual
// peers that are due, and at most one to another peer. Call it several times a
// second. In the end each call is reported by [Slots.Close], successful or not.
func (s *Slots) Next(now time.Time) (calls []Call) {
	for _, m := range s.manual {
		if !now.Before(m.next) && !s.isOpen(m.addr) {
			calls = append(calls, s.call(now, Manual, m.addr))
		}
	}
	if s.onlyManual || now.Before(s.nextCall) {
		return calls
	}
	if kind, addr, ok := s.choose(now); ok {
		s.nextCall = now.Add(callEvery)
		calls = append(calls, s.call(now, kind, addr))
	}
	return calls
}

// call opens a slot for a call.
func (s *Slots) call(now time.Time, kind Kind, addr netip.AddrPort) Call {
	s.book.Called(now, addr)
	return Call{s.open(now, kind, addr), kind, addr}
}

// choose chooses the next call of those that the node makes by itself.
func (s *Slots) choose(now time.Time) (kind Kind, addr netip.AddrPort, ok bool) {
	accept := func(a book.Address) bool { return s.isFree(a.Addr) && isDue(now, a) }
	full, blocksOnly := s.Count(Full), s.Count(BlocksOnly)
	limit := s.maxFull
	if s.extra {
		limit++
	}

	for len(s.toAnchor) > 0 && blocksOnly < s.maxBlocksOnly {
		addr, s.toAnchor = clean(s.toAnchor[0]), s.toAnchor[1:]
		if s.isFree(addr) && s.book.Accepts(addr) && !s.book.IsDiscouraged(now, addr.Addr()) {
			return BlocksOnly, addr, true
		}
	}
	switch {
	case full < limit:
		if a, ok := s.book.Pick(now, accept); ok {
			return Full, a.Addr, true
		}
	case blocksOnly < s.maxBlocksOnly: // in a small network there is none: records come first
		if a, ok := s.book.Pick(now, accept); ok {
			return BlocksOnly, a.Addr, true
		}
	}
	if s.Count(Feeler) < s.maxFeelers && !now.Before(s.nextFeeler) {
		s.nextFeeler = now.Add(feelerEvery)
		if a, ok := s.book.Feeler(now, accept); ok {
			return Feeler, a.Addr, true
		}
	}
	return 0, netip.AddrPort{}, false
}

// isFree reports whether another outbound connection to an address is allowed: there
// is none yet, its group has room, and it is no manual peer.
func (s *Slots) isFree(addr netip.AddrPort) bool {
	if s.isOpen(addr) || s.manualAt(addr) != nil {
		return false
	}
	group := s.book.Group(addr.Addr())
	return !group.IsValid() || maxPerGroup > s.count(func(p *Slot) bool {
		return p.Kind != Inbound && s.book.Group(p.Addr.Addr()) == group
	})
}

// isOpen reports whether there is an outbound slot for an address.
func (s *Slots) isOpen(addr netip.AddrPort) bool {
	return s.count(func(p *Slot) bool { return p.Kind != Inbound && p.Addr == addr }) > 0
}

// isDue reports whether an address may be called again. A call in the future was made by
// a clock that was ahead.
func isDue(now time.Time, a book.Address) bool {
	limit := maxPause
	if now.Sub(a.Success) < lately {
		limit = maxShortPause
	}
	return now.Before(a.Attempt) || !now.Before(a.Attempt.Add(pause(a.Failures, limit)))
}
