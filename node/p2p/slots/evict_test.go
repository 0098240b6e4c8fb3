package slots

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stele/node/p2p/book"
)

// naiveVictim chooses the victim step by step, one protected peer at a time.
func naiveVictim(s *Slots) ID {
	var left []Slot
	for _, p := range s.All() {
		if p.Kind == Inbound {
			left = append(left, p)
		}
	}
	// take removes the peer that beats all others, and reports whether there is one.
	take := func(may func(Slot) bool, beats func(p, q Slot) bool) bool {
		best := -1
		for i, p := range left {
			if may(p) && (best < 0 || beats(p, left[best])) {
				best = i
			}
		}
		if best >= 0 {
			left = slices.Delete(left, best, best+1)
		}
		return best >= 0
	}
	done := map[book.Group]bool{}
	for range protectedByGroup {
		var group book.Group
		for _, p := range left {
			if g := s.group(p); !done[g] && (!group.IsValid() || s.hash(g) < s.hash(group)) {
				group = g
			}
		}
		done[group] = true
		take(func(p Slot) bool { return s.group(p) == group }, func(p, q Slot) bool { return p.ID < q.ID })
	}
	for range protectedByPing {
		take(func(p Slot) bool { return p.MinPing != 0 }, func(p, q Slot) bool { return p.MinPing < q.MinPing })
	}
	for range protectedByRecord {
		take(func(p Slot) bool { return !p.Record.IsZero() }, func(p, q Slot) bool { return p.Record.After(q.Record) })
	}
	for range protectedByBlock {
		take(func(p Slot) bool { return !p.Block.IsZero() }, func(p, q Slot) bool { return p.Block.After(q.Block) })
	}
	for range len(left) / 2 {
		take(func(Slot) bool { return true }, func(p, q Slot) bool { return p.ID < q.ID })
	}
	size := func(p Slot) (n int) {
		for _, q := range left {
			if s.group(p) == s.group(q) {
				n++
			}
		}
		return n
	}
	var victim Slot
	for _, p := range left {
		if victim.ID == 0 || size(p) > size(victim) || size(p) == size(victim) && p.ID > victim.ID {
			victim = p
		}
	}
	return victim.ID
}

// The victim is that of the naive model, and the same each time.
func TestVictim(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New(newBook(1, 0, 0), Options{MaxPeers: 71, Secret: [32]byte{byte(rapid.IntRange(1, 255).Draw(t, "secret"))}})
		n := rapid.IntRange(0, s.maxInbound).Draw(t, "peers")
		groups := rapid.IntRange(1, 12).Draw(t, "groups")
		for i := range n {
			a := addr(rapid.IntRange(0, groups).Draw(t, "group"), i)
			if rapid.IntRange(0, 9).Draw(t, "local") == 0 {
				a = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 1)
			}
			id, evicted, err := s.Accept(start, a)
			if err != nil || evicted != 0 {
				t.Fatalf("%d, %v", evicted, err)
			}
			if d := rapid.IntRange(-3, 5).Draw(t, "ping"); d >= 0 {
				s.Ping(id, 100*time.Duration(d))
			}
			if d := rapid.IntRange(-6, 6).Draw(t, "block"); d > 0 {
				s.GaveBlock(start.Add(time.Duration(d)), id)
			}
			if d := rapid.IntRange(-6, 6).Draw(t, "record"); d > 0 {
				s.GaveRecord(start.Add(time.Duration(d)), id)
			}
		}
		want := naiveVictim(s)
		for range 3 {
			if got := s.victim(); got != want {
				t.Fatalf("victim %d, want %d", got, want)
			}
		}
	})
}

// Nobody goes if all are protected: the newcomer is rejected.
func TestAllProtected(t *testing.T) {
	s := New(newBook(1, 0, 0), Options{MaxPeers: 11 + 12, Secret: [32]byte{1}})
	for i := range s.maxInbound {
		id, _, err := s.Accept(start, addr(i, i))
		if err != nil {
			t.Fatal(err)
		}
		s.Ping(id, time.Millisecond)
	}
	if id, evicted, err := s.Accept(start, addr(100, 1)); err != ErrFull {
		t.Errorf("slot %d, evicted %d, %v", id, evicted, err)
	}
}

// An honest peer keeps its slot while 2,000 hostile ones come, whether by what it
// gives, by its ping, or because it was there before.
func TestHonestPeerStays(t *testing.T) {
	for _, test := range []struct {
		name   string
		groups int // of the hostile ones
		good   func(s *Slots, now time.Time, id ID)
		late   bool
	}{
		{"by age, many groups", 2000, func(*Slots, time.Time, ID) {}, false},
		{"by age, one group", 1, func(*Slots, time.Time, ID) {}, false},
		{"late, by group", 1, func(*Slots, time.Time, ID) {}, true},
		{"late, by blocks", 2000, func(s *Slots, now time.Time, id ID) { s.GaveBlock(now, id) }, true},
		{"late, by records", 2000, func(s *Slots, now time.Time, id ID) { s.GaveRecord(now, id) }, true},
		{"late, by ping", 2000, func(s *Slots, _ time.Time, id ID) { s.Ping(id, time.Millisecond) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := New(newBook(1, 0, 0), Options{Secret: [32]byte{1}})
			now := start
			hostile := func(i int) {
				id, _, err := s.Accept(now, addr(i%test.groups, i))
				if err != nil {
					t.Fatal(err)
				}
				s.Ping(id, 50*time.Millisecond)
				now = now.Add(time.Second)
			}
			if test.late {
				for i := range s.maxInbound {
					hostile(i)
				}
			}
			honest, _, err := s.Accept(now, addr(3000, 1))
			if err != nil {
				t.Fatal(err)
			}
			test.good(s, now, honest)
			for i := range 2000 {
				hostile(i)
			}
			if _, ok := s.Get(honest); !ok {
				t.Error("the honest peer was evicted")
			}
			if n := s.Count(Inbound); n != s.maxInbound {
				t.Errorf("%d inbound peers of %d", n, s.maxInbound)
			}
		})
	}
}
