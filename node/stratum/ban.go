package stratum

import (
	"maps"
	"net/netip"
	"sync"
	"time"
)

const (
	// An address is banned for banFor when its connections have ended for their
	// faults mostStrikes times within strikeFor.
	mostStrikes = 3
	strikeFor   = 10 * time.Minute
	banFor      = 10 * time.Minute
	// mostStriking bounds the table of addresses.
	mostStriking = 4096
)

// bans knows who has sent garbage. Addresses of this machine are never banned:
// all that comes through a proxy has the same. Nor is one that good shares come
// from: others may be behind it.
type bans struct {
	now func() time.Time

	mu      sync.Mutex
	strikes map[netip.Addr]strikes
	worked  map[netip.Addr]time.Time // the last good share
}

type strikes struct {
	n     int
	until time.Time // when they are forgotten
}

func newBans(now func() time.Time) *bans {
	return &bans{now: now, strikes: map[netip.Addr]strikes{}, worked: map[netip.Addr]time.Time{}}
}

// share notes a good share.
func (b *bans) share(addr netip.Addr) {
	if !addr.IsValid() || addr.IsLoopback() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.worked[addr]; !known && len(b.worked) >= mostStriking {
		maps.DeleteFunc(b.worked, func(_ netip.Addr, at time.Time) bool { return b.now().Sub(at) > strikeFor })
		if len(b.worked) >= mostStriking {
			return
		}
	}
	b.worked[addr] = b.now()
}

// works tells whether an address has had a good share lately. The lock is held.
func (b *bans) works(addr netip.Addr) bool {
	at, known := b.worked[addr]
	return known && b.now().Sub(at) <= strikeFor
}

// strike notes a fault, and tells whether the address is banned for it.
func (b *bans) strike(addr netip.Addr) bool {
	if !addr.IsValid() || addr.IsLoopback() {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.works(addr) {
		return false
	}
	now := b.now()
	s, known := b.strikes[addr]
	if !known && len(b.strikes) >= mostStriking {
		b.sweep(now)
	}
	if now.After(s.until) {
		s = strikes{}
	}
	s.n++
	s.until = now.Add(strikeFor)
	if s.n >= mostStrikes {
		s.until = now.Add(banFor)
	}
	b.strikes[addr] = s
	return s.n >= mostStrikes
}

// banned tells whether an address is not let in.
func (b *bans) banned(addr netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.strikes[addr]
	return s.n >= mostStrikes && !b.now().After(s.until) && !b.works(addr)
}

// count returns how many addresses are banned.
func (b *bans) count() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.strikes {
		if s.n >= mostStrikes && !b.now().After(s.until) {
			n++
		}
	}
	return n
}

// sweep makes room: what is over, and if that is not enough, all.
func (b *bans) sweep(now time.Time) {
	for addr, s := range b.strikes {
		if now.After(s.until) {
			delete(b.strikes, addr)
		}
	}
	if len(b.strikes) >= mostStriking {
		clear(b.strikes)
	}
}
