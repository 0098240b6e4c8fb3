package slots

import (
	"encoding/binary"
	"errors"
	mathrand "math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stele/node/p2p/book"
)

// start is when the tests begin.
var start = time.Unix(1_800_000_000, 0)

// addr returns the n-th address of a group. All are routable.
func addr(group, n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(11 + group/256), byte(group), byte(n >> 8), byte(n)}), 8699)
}

// newBook returns a book with each addresses of each of some groups.
func newBook(seed uint64, groups, each int) *book.Book {
	o := book.Options{Rand: mathrand.New(mathrand.NewPCG(seed, 1))}
	binary.LittleEndian.PutUint64(o.Secret[:], seed+1)
	b := book.New(o)
	addAll(b, start, groups, each)
	return b
}

func addAll(b *book.Book, now time.Time, groups, each int) {
	for g := range groups {
		for n := range each {
			b.Add(now, addr(500+g, 1).Addr(), book.Announced{Addr: addr(g, n), Services: 1, Seen: now})
		}
	}
}

// run calls Next each 250 ms for some time, and answers each call with answer.
func run(s *Slots, now time.Time, d time.Duration, answer func(Call) bool) time.Time {
	for end := now.Add(d); now.Before(end); now = now.Add(callEvery) {
		for _, c := range s.Next(now) {
			if !answer(c) || s.Ready(now, c.ID, 1) {
				s.Close(now, c.ID, false)
			}
		}
	}
	return now
}

func always(Call) bool { return true }

// checkLimits fails the test if there are more slots of a kind, a group or an address
// than there may be.
func checkLimits(t rapid.TB, s *Slots) {
	t.Helper()
	full := s.maxFull
	if s.extra {
		full++
	}
	for kind, limit := range map[Kind]int{Inbound: s.maxInbound, Full: full, BlocksOnly: s.maxBlocksOnly, Feeler: s.maxFeelers, Manual: len(s.manual)} {
		surplus := 0
		if kind == Full {
			surplus = 1 // an extra peer that is about to go
		}
		if n := s.Count(kind); n > limit+surplus {
			t.Fatalf("%d slots of the kind %v, limit %d", n, kind, limit)
		}
	}
	groups, addresses, called := map[book.Group]int{}, map[netip.Addr]int{}, map[netip.AddrPort]bool{}
	for _, p := range s.All() {
		switch {
		case p.Kind == Inbound:
			addresses[p.Addr.Addr()]++
		case called[p.Addr]:
			t.Fatalf("%v was called twice", p.Addr)
		default:
			called[p.Addr] = true
			if p.Kind != Manual {
				groups[s.book.Group(p.Addr.Addr())]++
			}
		}
	}
	for g, n := range groups {
		if n > maxPerGroup {
			t.Fatalf("%d calls to the group %v", n, g)
		}
	}
	for a, n := range addresses {
		if n > maxPerAddress {
			t.Fatalf("%d peers from %v", n, a)
		}
	}
}

// Slots never leak: whatever happens, there are as many as connections that began
// and did not end, inbound and outbound ones are all, and no limit is exceeded.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := start
		o := Options{
			MaxPeers: rapid.SampledFrom([]int{0, 1, 3, 9, 11, 12, 30}).Draw(t, "max"),
			Anchors:  []netip.AddrPort{addr(1, 1), addr(2, 1), addr(1, 1)},
			Manual:   []netip.AddrPort{addr(3, 1), addr(3, 2), addr(3, 3), addr(3, 1)},
			Secret:   [32]byte{1},
		}
		s := New(newBook(rapid.Uint64().Draw(t, "seed"), 12, 5), o)
		open := map[ID]Kind{}
		var ended []ID
		begin := func(id ID, kind Kind) {
			if _, known := open[id]; known || slices.Contains(ended, id) {
				t.Fatalf("the ID %d is used again", id)
			}
			open[id] = kind
		}
		end := func(id ID) {
			delete(open, id)
			ended = append(ended, id)
		}
		drawID := func(t *rapid.T) ID {
			return ID(rapid.Uint64Range(0, uint64(s.last)+1).Draw(t, "id"))
		}
		t.Repeat(map[string]func(*rapid.T){
			"next": func(t *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(t, "times") {
					for _, c := range s.Next(now) {
						begin(c.ID, c.Kind)
						if c.Kind == Inbound {
							t.Fatal("a call to nowhere")
						}
					}
					now = now.Add(callEvery)
				}
			},
			"ready": func(t *rapid.T) {
				id := drawID(t)
				p, _ := s.Get(id)
				if done := s.Ready(now, id, 1); done != (p.Kind == Feeler && !p.Ready) {
					t.Fatalf("%+v is done: %v", p, done)
				}
			},
			"close": func(t *rapid.T) {
				id := drawID(t)
				s.Close(now, id, rapid.Bool().Draw(t, "failed"))
				if _, known := open[id]; known {
					end(id)
				}
			},
			"accept": func(t *rapid.T) {
				for range rapid.IntRange(1, 10).Draw(t, "times") {
					remote := netip.AddrPortFrom(addr(rapid.IntRange(0, 20).Draw(t, "group"), 1).Addr(), uint16(len(ended)+len(open)+1))
					id, evicted, err := s.Accept(now, remote)
					if evicted != 0 {
						if open[evicted] != Inbound {
							t.Fatalf("%d was evicted, a %v", evicted, open[evicted])
						}
						end(evicted)
					}
					if (id == 0) != (err != nil) || err != nil && evicted != 0 {
						t.Fatalf("slot %d, evicted %d, %v", id, evicted, err)
					}
					if err == nil {
						begin(id, Inbound)
					}
				}
			},
			"facts": func(t *rapid.T) {
				id := drawID(t)
				s.Ping(id, time.Duration(rapid.IntRange(0, 5).Draw(t, "ping")))
				s.GaveBlock(now, id)
				s.GaveRecord(now, drawID(t))
			},
			"extra": func(t *rapid.T) {
				s.SetExtra(true)
				for _, c := range s.Next(now) {
					begin(c.ID, c.Kind)
				}
				s.SetExtra(false)
				if id := s.Surplus(); id != 0 {
					if open[id] != Full {
						t.Fatalf("the surplus is a %v", open[id])
					}
					s.Close(now, id, false)
					end(id)
				}
			},
			"": func(t *rapid.T) {
				in, out := s.Count(Inbound), 0
				for _, p := range s.All() {
					if kind, known := open[p.ID]; !known || kind != p.Kind {
						t.Fatalf("slot %d: %v, want %v", p.ID, p.Kind, kind)
					}
					if p.Kind != Inbound {
						out++
					}
				}
				if in+out != len(open) {
					t.Fatalf("%d inbound and %d outbound slots, %d connections", in, out, len(open))
				}
				if o.MaxPeers > 0 && in+out > o.MaxPeers+len(s.manual)+1 {
					t.Fatalf("%d and %d slots of %d", in, out, o.MaxPeers)
				}
				checkLimits(t, s)
			},
		})
	})
}

// All outbound slots fill, and fill again after all connections ended.
func TestFill(t *testing.T) {
	s := New(newBook(1, 20, 5), Options{})
	now := start
	for range 3 {
		now = run(s, now, 10*time.Second, always)
		if f, b := s.Count(Full), s.Count(BlocksOnly); f != maxFull || b != maxBlocksOnly {
			t.Fatalf("%d full, %d blocks-only peers", f, b)
		}
		checkLimits(t, s)
		for _, p := range s.All() {
			s.Close(now, p.ID, false)
		}
	}
}

// A book full of one group gets two slots, and an honest address of another group
// the third.
func TestHonestAmongFlood(t *testing.T) {
	b := newBook(1, 0, 0)
	honest := addr(300, 1)
	b.Add(start, addr(600, 1).Addr(), book.Announced{Addr: honest, Services: 1, Seen: start})
	for n := range 10_000 {
		a := addr(0, n)
		b.Add(start, addr(1000+n%1000, 1).Addr(), book.Announced{Addr: a, Services: 1, Seen: start})
		b.Good(start, a, 1)
	}
	s := New(b, Options{})
	run(s, start.Add(time.Minute), 3*callEvery, always)
	if n := s.Count(Full); n != 3 || !s.isOpen(honest) {
		t.Errorf("%d peers after three calls, the honest one is among them: %v", n, s.isOpen(honest))
	}
	checkLimits(t, s)
}

// In a small network all peers are full ones, and their slots are not wasted on
// anything else.
func TestSmallNetwork(t *testing.T) {
	s := New(newBook(1, 4, 1), Options{})
	run(s, start, time.Minute, always)
	if n := s.Count(Full); n != 4 || len(s.All()) != 4 {
		t.Errorf("%d full peers of %d", n, len(s.All()))
	}
	if a := s.Anchors(); len(a) != 0 {
		t.Errorf("anchors %v", a)
	}
}

// An address that does not answer is called at most so often that a network that is
// down costs nothing, and again soon after it is up.
func TestPause(t *testing.T) {
	b := newBook(1, 1, 1)
	s := New(b, Options{})
	calls := 0
	now := run(s, start, time.Hour, func(Call) bool { calls++; return false })
	if calls < 1000 || calls > 2000 { // each 2 s: offline, so failures do not count
		t.Errorf("%d calls in an hour without a network", calls)
	}
	if a, _ := b.Get(addr(0, 0)); a.Failures != 0 {
		t.Errorf("%d failures without a network", a.Failures)
	}

	b.Add(now, addr(900, 1).Addr(), book.Announced{Addr: addr(50, 0), Services: 1, Seen: now})
	calls = 0
	now = run(s, now, time.Hour, func(c Call) bool {
		if c.Addr == addr(50, 0) {
			return true
		}
		calls++
		return false
	})
	if calls > 30 { // doubling up to ten minutes, and feelers
		t.Errorf("%d calls in an hour to an address that does not answer", calls)
	}
	if a, _ := b.Get(addr(0, 0)); a.Failures == 0 {
		t.Error("no failures although another peer answers")
	}
	now = now.Add(maxPause)
	run(s, now, time.Second, always)
	if n := s.Count(Full); n != 2 {
		t.Errorf("%d peers once it answers", n)
	}
}

// A peer that worked until it was lost is called every few seconds for an hour, so that
// the connection is back soon after it can be, although other peers answer meanwhile.
func TestLostPeer(t *testing.T) {
	b := newBook(1, 2, 1)
	s := New(b, Options{})
	now := run(s, start, time.Minute, always).Add(24 * time.Hour)
	for _, p := range s.All() {
		if p.Addr == addr(0, 0) {
			s.Close(now, p.ID, true)
		}
	}
	calls := 0
	now = run(s, now, 50*time.Minute, func(c Call) bool {
		if c.Addr == addr(0, 0) {
			calls++
			return false
		}
		return true
	})
	if calls < 50*60/5 {
		t.Errorf("%d calls in 50 minutes", calls)
	}
	calls = 0
	run(s, now.Add(time.Hour), time.Hour, func(Call) bool { calls++; return false })
	if calls > 30 { // with feelers
		t.Errorf("%d calls in an hour after two hours", calls)
	}
}

// A manual peer that has called this node is called seldom, until that connection ends.
func TestServed(t *testing.T) {
	s := New(newBook(1, 0, 0), Options{Manual: []netip.AddrPort{addr(300, 1)}})
	calls := 0
	now := run(s, start, time.Hour, func(c Call) bool {
		calls++
		s.Served(c.Addr)
		return false
	})
	if calls < 60 || calls > 80 {
		t.Errorf("%d calls in an hour", calls)
	}
	s.Lost(now, addr(300, 1))
	if calls := s.Next(now); len(calls) != 1 {
		t.Errorf("%d calls after the end", len(calls))
	}
}

// Manual peers are not called in step.
func TestJitter(t *testing.T) {
	manual := []netip.AddrPort{addr(300, 1), addr(300, 2), addr(300, 3)}
	s := New(newBook(1, 0, 0), Options{Manual: manual})
	run(s, start, time.Minute, func(Call) bool { return false })
	var next []time.Time
	for _, m := range s.manual {
		if slices.ContainsFunc(next, m.next.Equal) {
			t.Errorf("two peers are called at %v", m.next)
		}
		next = append(next, m.next)
	}
}

// Each two minutes a feeler tests an address, and its slot is free again.
func TestFeeler(t *testing.T) {
	b := newBook(1, 40, 5)
	s := New(b, Options{})
	feelers := 0
	run(s, start, time.Hour, func(c Call) bool {
		if c.Kind == Feeler {
			feelers++
		}
		return true
	})
	if feelers < 29 || feelers > 30 {
		t.Errorf("%d feelers in an hour", feelers)
	}
	if n := s.Count(Feeler); n != 0 {
		t.Errorf("%d feelers left", n)
	}
	if _, tried := b.Len(); tried < 35 {
		t.Errorf("%d tried addresses", tried)
	}
}

// Manual peers are called at once and beside the limits, again and again, and with
// OnlyManual nobody else.
func TestManual(t *testing.T) {
	manual := []netip.AddrPort{addr(300, 1), addr(300, 2), addr(300, 3)}
	s := New(newBook(1, 20, 5), Options{Manual: manual, OnlyManual: true, Anchors: []netip.AddrPort{addr(1, 1)}})
	if calls := s.Next(start); len(calls) != 3 || calls[0].Kind != Manual {
		t.Fatalf("%v", calls)
	}
	now := start
	for _, p := range s.All() {
		s.Close(now, p.ID, false)
	}
	calls := 0
	now = run(s, now, time.Hour, func(c Call) bool { calls++; return false })
	if calls < 3*3600/4 || calls > 3*3600/3 {
		t.Errorf("%d calls in an hour to three peers that do not answer", calls)
	}
	now = run(s, now, time.Minute, always)
	if n := s.Count(Manual); n != 3 || len(s.All()) != 3 {
		t.Errorf("%d manual peers of %d", n, len(s.All()))
	}

	// The name of one has another address now.
	s.SetManual([]netip.AddrPort{manual[0], manual[1], addr(301, 1)})
	run(s, now, time.Minute, always)
	if n := s.Count(Manual); n != 4 {
		t.Errorf("%d manual peers", n)
	}

	mixed := New(newBook(1, 20, 5), Options{Manual: manual})
	run(mixed, start, time.Minute, always)
	if m, f := mixed.Count(Manual), mixed.Count(Full); m != 3 || f != maxFull {
		t.Errorf("%d manual and %d full peers", m, f)
	}
}

// Anchors are called first. Over eight restarts, each into a book that an attacker
// has filled meanwhile, an honest anchor stays.
func TestAnchors(t *testing.T) {
	honest := addr(300, 1)
	anchors := []netip.AddrPort{honest}
	now := start
	for i := range 8 {
		b := newBook(uint64(i), 0, 0)
		addAll(b, now, 30, 20) // the attacker's
		s := New(b, Options{Anchors: anchors})
		if c := s.Next(now); len(c) != 1 || c[0].Kind != BlocksOnly || c[0].Addr != anchors[0] {
			t.Fatalf("the first call is %v, want %v", c, anchors[0])
		}
		s.Close(now, 1, false) // it takes a second try
		s.toAnchor = slices.Clone(anchors)
		now = run(s, now.Add(time.Minute), time.Minute, always)
		if anchors = s.Anchors(); len(anchors) != 2 || !slices.Contains(anchors, honest) {
			t.Fatalf("start %d: anchors %v", i, anchors)
		}
		// The peers end before the node does: the anchors stay.
		for _, p := range s.All() {
			s.Close(now, p.ID, false)
		}
		if got := s.Anchors(); !slices.Equal(got, anchors) {
			t.Errorf("start %d: anchors %v after all connections ended, want %v", i, got, anchors)
		}
	}
}

// An open connection is a better anchor than an earlier one, and a discouraged
// anchor is not called.
func TestAnchorChoice(t *testing.T) {
	b := newBook(1, 20, 5)
	bad, good := addr(300, 1), addr(301, 1)
	b.Discourage(start, bad.Addr())
	s := New(b, Options{Anchors: []netip.AddrPort{bad, {}, good}})
	now := run(s, start, time.Minute, always)
	if s.isOpen(bad) || !s.isOpen(good) {
		t.Errorf("open: %v", s.All())
	}
	first := s.Anchors()
	for _, p := range s.All() {
		if p.Kind == BlocksOnly && p.Addr == first[0] {
			s.Close(now, p.ID, true)
		}
	}
	if got := s.Anchors(); got[0] != first[1] {
		t.Errorf("anchors %v, want %v first", got, first[1])
	}
	run(s, now, time.Minute, always)
	if got := s.Anchors(); slices.Contains(got, first[0]) || !slices.Contains(got, first[1]) {
		t.Errorf("anchors %v, before %v", got, first)
	}
}

// The extra peer replaces the full one whose last block is the oldest.
func TestExtra(t *testing.T) {
	s := New(newBook(1, 20, 5), Options{})
	now := run(s, start, time.Minute, always)
	var full []ID
	for _, p := range s.All() {
		if p.Kind == Full {
			full = append(full, p.ID)
		}
	}
	s.SetExtra(true)
	now = run(s, now, time.Minute, always)
	if n := s.Count(Full); n != maxFull+1 || s.Surplus() != 0 {
		t.Fatalf("%d full peers, surplus %d", n, s.Surplus())
	}
	for i, p := range s.All() {
		if p.Kind == Full && p.ID != full[3] {
			s.GaveBlock(now.Add(time.Duration(i)*time.Second), p.ID)
		}
	}
	s.SetExtra(false)
	if got := s.Surplus(); got != full[3] {
		t.Errorf("surplus %d, want %d", got, full[3])
	}
	s.Close(now, full[3], false)
	if got := s.Surplus(); got != 0 {
		t.Errorf("surplus %d", got)
	}
}

func TestAccept(t *testing.T) {
	b := newBook(1, 0, 0)
	s := New(b, Options{})
	accept := func(a netip.AddrPort, want error) {
		t.Helper()
		if _, _, err := s.Accept(start, a); !errors.Is(err, want) {
			t.Errorf("%v: %v, want %v", a, err, want)
		}
	}
	for range maxPerAddress {
		accept(addr(1, 1), nil)
		accept(netip.MustParseAddrPort("[2a00::1]:1"), nil)
	}
	accept(addr(1, 1), ErrTooMany)
	accept(netip.AddrPortFrom(netip.AddrFrom16(addr(1, 1).Addr().As16()), 1), ErrTooMany)
	accept(netip.MustParseAddrPort("[2a00::2]:1"), ErrTooMany) // the same /64
	for range 2 * maxPerAddress {
		accept(netip.MustParseAddrPort("127.0.0.1:1"), nil)
	}

	bad := addr(2, 1)
	b.Discourage(start, bad.Addr())
	accept(bad, nil)
	for n := s.Count(Inbound); 2*n <= s.maxInbound; n++ {
		accept(addr(3, n), nil)
	}
	accept(bad, ErrDiscouraged)
	if n := s.maxInbound; n != 117 {
		t.Errorf("%d inbound slots, want 117", n)
	}

	none := New(b, Options{MaxPeers: 5})
	if _, _, err := none.Accept(start, addr(5, 1)); !errors.Is(err, ErrFull) {
		t.Errorf("no inbound slots: %v", err)
	}

	group := func(a netip.Addr) book.Group { return netip.PrefixFrom(a, 16) }
	s = New(book.New(book.Options{Group: group}), Options{})
	for range maxPerAddress {
		accept(netip.MustParseAddrPort("127.0.0.1:1"), nil)
	}
	accept(netip.MustParseAddrPort("127.0.0.1:1"), ErrTooMany)
}

// The numbers of slots follow from the maximum.
func TestMaxPeers(t *testing.T) {
	for _, test := range []struct{ max, full, blocksOnly, feelers, inbound int }{
		{-1, 0, 0, 0, 0}, {1, 1, 0, 0, 0}, {9, 8, 1, 0, 0}, {11, 8, 2, 1, 0}, {40, 8, 2, 1, 29}, {0, 8, 2, 1, 117},
	} {
		s := New(newBook(1, 0, 0), Options{MaxPeers: test.max})
		if s.maxFull != test.full || s.maxBlocksOnly != test.blocksOnly || s.maxFeelers != test.feelers || s.maxInbound != test.inbound {
			t.Errorf("%+v: %d, %d, %d, %d", test, s.maxFull, s.maxBlocksOnly, s.maxFeelers, s.maxInbound)
		}
	}
}

// After a clock that was far ahead is set right, all addresses are called.
func TestClockWasAhead(t *testing.T) {
	b := newBook(1, 20, 2)
	s := New(b, Options{})
	ahead := start.AddDate(4, 0, 0)
	never := func(Call) bool { return false }
	run(s, ahead, time.Minute, never)
	calls := 0
	s = New(b, Options{})
	run(s, start, time.Minute, func(Call) bool { calls++; return true })
	if calls < 8 {
		t.Errorf("%d calls in a minute", calls)
	}
}
