package book

import (
	"net/netip"
	"time"

	"stele/internal/netguard"
)

const (
	discouragedTime = 24 * time.Hour
	maxDiscouraged  = 4096
)

// Discourage notes that a peer at an address broke the protocol. For 24 hours the
// book does not offer its addresses, and package slots accepts it only while there
// is room. An IPv6 address stands for its /64. Of more than 4,096 addresses the one
// with the least time left is forgotten.
func (b *Book) Discourage(now time.Time, addr netip.Addr) {
	key, ok := discourageKey(addr)
	if !ok {
		return
	}
	if _, known := b.discouraged[key]; !known && len(b.discouraged) >= maxDiscouraged {
		b.forgetOldest()
	}
	b.discouraged[key] = second(now.Add(discouragedTime))
}

// IsDiscouraged reports whether an address is discouraged. Much more than 24 hours are
// left only if the clock was ahead: they do not count.
func (b *Book) IsDiscouraged(now time.Time, addr netip.Addr) bool {
	if len(b.discouraged) == 0 {
		return false
	}
	key, ok := discourageKey(addr)
	return ok && isLeft(now, b.discouraged[key])
}

// isLeft reports whether some of the time until an end is left.
func isLeft(now, until time.Time) bool {
	return now.Before(until) && !until.After(now.Add(2*discouragedTime))
}

// Discouraged returns the number of addresses that are discouraged.
func (b *Book) Discouraged(now time.Time) (n int) {
	for _, until := range b.discouraged {
		if isLeft(now, until) {
			n++
		}
	}
	return n
}

// Forget ends the time of a discouraged address. It reports whether the book had it.
func (b *Book) Forget(addr netip.Addr) bool {
	key, ok := discourageKey(addr)
	if _, known := b.discouraged[key]; !ok || !known {
		return false
	}
	delete(b.discouraged, key)
	return true
}

// forgetOldest removes the discouraged address with the least time left; of several
// the lowest, so that the result does not depend on the order of a map.
func (b *Book) forgetOldest() {
	var oldest netip.Addr
	for addr, until := range b.discouraged {
		if best := b.discouraged[oldest]; !oldest.IsValid() || until.Before(best) || until.Equal(best) && addr.Less(oldest) {
			oldest = addr
		}
	}
	delete(b.discouraged, oldest)
}

// discourageKey returns the address by which a peer is remembered, as the limits of
// connections count it.
func discourageKey(addr netip.Addr) (netip.Addr, bool) {
	return netguard.Address(netip.AddrPortFrom(addr, 1).String())
}
