package book

import (
	"net/netip"
	"testing"
	"time"
)

// Addresses that failed or were called lately are drawn less often.
func TestChance(t *testing.T) {
	b := New(options(1))
	// Both in one bucket, so that only the chances differ.
	source := addr(1, 1).Addr()
	good, bad := addr(0, 1), addr(0, 2)
	b.Add(start, source, announced(good, start), announced(bad, start))
	b.Failed(start, bad, true)
	b.Failed(start, bad, true)
	draw := func(now time.Time) (hits int) {
		for range 2000 {
			if a, _ := b.Pick(now, anyAddress); a.Addr == bad {
				hits++
			}
		}
		return hits
	}
	if n := draw(start); n > 40 {
		t.Errorf("just called: drawn %d of 2000 times", n)
	}
	want := 2000 * 0.66 * 0.66 / (1 + 0.66*0.66)
	if n := draw(start.Add(time.Hour)); float64(n) < want*0.8 || float64(n) > want*1.2 {
		t.Errorf("two failures: drawn %d of 2000 times, want about %.0f", n, want)
	}
}

// Both tables are drawn from, and one alone is enough.
func TestPickTables(t *testing.T) {
	b := New(options(1))
	if a, ok := b.Pick(start, anyAddress); ok {
		t.Errorf("an empty book has %v", a)
	}
	fresh, tried := addr(0, 1), addr(1, 1)
	b.Add(start, addr(2, 1).Addr(), announced(fresh, start))
	if a, ok := b.Pick(start, anyAddress); !ok || a.Addr != fresh {
		t.Errorf("drew %v, %v", a, ok)
	}
	b.Add(start, addr(2, 1).Addr(), announced(tried, start))
	b.Good(start, tried, 1)
	count := map[netip.AddrPort]int{}
	for range 1000 {
		a, _ := b.Pick(start, anyAddress)
		count[a.Addr]++
		if a, ok := b.Feeler(start, anyAddress); !ok || a.Addr != fresh {
			t.Fatalf("the feeler goes to %v, %v", a, ok)
		}
	}
	if count[fresh] < 400 || count[tried] < 400 {
		t.Errorf("drawn: %v", count)
	}
	b.Discourage(start, fresh.Addr())
	if a, ok := b.Feeler(start, anyAddress); ok {
		t.Errorf("the feeler goes to %v, which is discouraged", a)
	}
	if a, _ := b.Pick(start, anyAddress); a.Addr != tried {
		t.Errorf("drew %v, want %v", a, tried)
	}
}

// A sample has no address twice, and not too many.
func TestSample(t *testing.T) {
	b := New(options(1))
	add := func(n int) {
		for i := range n {
			b.Add(start, addr(300+i, 1).Addr(), announced(addr(i, i), start))
		}
	}
	check := func(max, want int) {
		t.Helper()
		got := b.Sample(start, max)
		seen := map[netip.AddrPort]bool{}
		for _, a := range got {
			seen[a.Addr] = true
		}
		if len(got) != want || len(seen) != want {
			t.Errorf("%d addresses, %d different ones, want %d", len(got), len(seen), want)
		}
	}
	check(1000, 0)
	add(50)
	fresh, _ := b.Len()
	check(1000, fresh)
	check(10, 10)

	bad := addr(0, 0)
	b.Discourage(start, bad.Addr())
	check(1000, fresh-1)
	b.Forget(bad.Addr())
	for range 3 {
		b.Failed(start.Add(-time.Hour), bad, true)
	}
	check(1000, fresh-1)

	add(2000)
	fresh, _ = b.Len()
	n := fresh - 1 - sampleSmall
	check(1000, sampleSmall+n*sampleShare/100)
}

// Discouraged addresses are bounded, and the first to end are forgotten first.
func TestDiscouraged(t *testing.T) {
	b := New(options(1))
	first := addr(0, 0).Addr()
	for n := range maxDiscouraged {
		b.Discourage(start.Add(time.Duration(n)*time.Second), addr(n/256, n).Addr())
	}
	now := start.Add(maxDiscouraged * time.Second)
	b.Discourage(now, first) // again: it lasts longer now
	b.Discourage(now, addr(300, 1).Addr())
	b.Discourage(now, netip.Addr{})
	if len(b.discouraged) != maxDiscouraged {
		t.Errorf("%d addresses", len(b.discouraged))
	}
	if !b.IsDiscouraged(now, first) || b.IsDiscouraged(now, addr(0, 1).Addr()) || !b.IsDiscouraged(now, addr(0, 2).Addr()) {
		t.Error("another address than the oldest was forgotten")
	}
	end := now.Add(discouragedTime)
	if !b.IsDiscouraged(end.Add(-time.Second), first) || b.IsDiscouraged(end, first) {
		t.Error("it does not end after a day")
	}

	v6, same, other := netip.MustParseAddr("2a00::1"), netip.MustParseAddr("2a00::ffff"), netip.MustParseAddr("2a00:0:0:1::1")
	b.Discourage(now, v6)
	if !b.IsDiscouraged(now, same) || b.IsDiscouraged(now, other) {
		t.Error("an IPv6 address does not stand for its /64")
	}
	if !b.Forget(same) || b.Forget(same) || b.IsDiscouraged(now, v6) {
		t.Error("it was not forgotten")
	}
}
