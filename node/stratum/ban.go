package stratum

import (
	"maps"
	"net/netip"
	"sync"
	"time"
)

const (
	// An address is banned for banFor when its connections have ended for misbehaviour
	// maxStrikes times within strikeFor.
	maxStrikes = 3
	strikeFor  = 10 * time.Minute
	banFor     = 10 * time.Minute
	// maxTrackedAddresses bounds each table of addresses.
	maxTrackedAddresses = 4096
)

// bans counts the misbehaviour of addresses. Loopback addresses are never banned: all
// connections through a local proxy have one. Nor is an address that sends good
// shares: other miners may be behind it. Safe for concurrent use.
type bans struct {
	now func() time.Time

	mu         sync.Mutex
	strikes    map[netip.Addr]strikes
	goodShares map[netip.Addr]time.Time // the last one
}

type strikes struct {
	n     int
	until time.Time // when they expire
}

func newBans(now func() time.Time) *bans {
	return &bans{now: now, strikes: map[netip.Addr]strikes{}, goodShares: map[netip.Addr]time.Time{}}
}

// noteGoodShare records a good share.
func (b *bans) noteGoodShare(addr netip.Addr) {
	if !addr.IsValid() || addr.IsLoopback() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.goodShares[addr]; !known && len(b.goodShares) >= maxTrackedAddresses {
		maps.DeleteFunc(b.goodShares, func(_ netip.Addr, at time.Time) bool { return b.now().Sub(at) > strikeFor })
		if len(b.goodShares) >= maxTrackedAddresses {
			return
		}
	}
	b.goodShares[addr] = b.now()
}

// hasGoodShare reports whether an address has sent a good share lately. The caller must
// hold b.mu.
func (b *bans) hasGoodShare(addr netip.Addr) bool {
	at, known := b.goodShares[addr]
	return known && b.now().Sub(at) <= strikeFor
}

// strike records misbehaviour, and reports whether the address is banned for it.
func (b *bans) strike(addr netip.Addr) bool {
	if !addr.IsValid() || addr.IsLoopback() {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hasGoodShare(addr) {
		return false
	}
	now := b.now()
	s, known := b.strikes[addr]
	if !known && len(b.strikes) >= maxTrackedAddresses {
		b.sweep(now)
	}
	if now.After(s.until) {
		s = strikes{}
	}
	s.n++
	s.until = now.Add(strikeFor)
	if s.n >= maxStrikes {
		s.until = now.Add(banFor)
	}
	b.strikes[addr] = s
	return s.n >= maxStrikes
}

// isBanned reports whether an address is banned.
func (b *bans) isBanned(addr netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.strikes[addr]
	return s.n >= maxStrikes && !b.now().After(s.until) && !b.hasGoodShare(addr)
}

// count returns the number of banned addresses.
func (b *bans) count() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.strikes {
		if s.n >= maxStrikes && !b.now().After(s.until) {
			n++
		}
	}
	return n
}

// sweep removes expired strikes, and if that is not enough, all.
func (b *bans) sweep(now time.Time) {
	for addr, s := range b.strikes {
		if now.After(s.until) {
			delete(b.strikes, addr)
		}
	}
	if len(b.strikes) >= maxTrackedAddresses {
		clear(b.strikes)
	}
}
