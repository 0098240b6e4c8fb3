package stratum

import (
	"net/netip"
	"testing"
	"time"
)

func TestBans(t *testing.T) {
	now := time.Unix(1e9, 0)
	b := newBans(func() time.Time { return now })
	bad, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for i := range maxStrikes {
		if b.isBanned(bad) {
			t.Fatalf("banned after %d faults", i)
		}
		if got := b.strike(bad); got != (i == maxStrikes-1) {
			t.Fatalf("fault %d: %v", i+1, got)
		}
	}
	if !b.isBanned(bad) || b.isBanned(other) || b.count() != 1 {
		t.Error("not banned, or another one is")
	}
	now = now.Add(banFor)
	if !b.isBanned(bad) {
		t.Error("the ban ends early")
	}
	now = now.Add(1)
	if b.isBanned(bad) || b.count() != 0 {
		t.Error("the ban does not end")
	}
	if b.strike(bad) {
		t.Error("banned again after one fault")
	}
	// Faults far from each other do not add up.
	for range 10 {
		now = now.Add(strikeFor + 1)
		if b.strike(other) {
			t.Error("banned for faults that are forgotten")
		}
	}
	for _, addr := range []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1"), {}} {
		for range 10 {
			if b.strike(addr) || b.isBanned(addr) {
				t.Errorf("%v is banned", addr)
			}
		}
	}
	// The table is bounded, and the newest fault is in it.
	var last netip.Addr
	for i := range 3 * maxTrackedAddresses {
		last = netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		b.strike(last)
		if len(b.strikes) > maxTrackedAddresses {
			t.Fatalf("%d addresses", len(b.strikes))
		}
	}
	if b.strikes[last].n != 1 {
		t.Error("the newest fault is not counted")
	}
}

// An address that sends good shares is not banned for what others behind it do.
func TestBansOfMany(t *testing.T) {
	now := time.Unix(1e9, 0)
	b := newBans(func() time.Time { return now })
	nat := netip.MustParseAddr("192.0.2.1")
	for range 3 * maxStrikes {
		b.noteGoodShare(nat)
		if b.strike(nat) || b.isBanned(nat) {
			t.Fatal("an address with good shares is banned")
		}
	}
	now = now.Add(strikeFor + 1)
	for range maxStrikes {
		b.strike(nat)
	}
	if !b.isBanned(nat) {
		t.Error("it is not banned when it works no more")
	}
	b.noteGoodShare(nat)
	if b.isBanned(nat) {
		t.Error("it is banned although it works again")
	}
	for i := range 2 * maxTrackedAddresses {
		b.noteGoodShare(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
	}
	if len(b.goodShares) > maxTrackedAddresses {
		t.Errorf("%d addresses are remembered", len(b.goodShares))
	}
}
