package netguard

import (
	"net/netip"
	"sync"

	"golang.org/x/time/rate"
)

// maxAddresses bounds each of the two tables of addresses.
const maxAddresses = 4096

// Rates limits how often each [Address] may do something. It remembers some
// thousands of addresses; a forgotten one starts with a full burst. Safe for
// concurrent use.
type Rates struct {
	perSecond rate.Limit
	burst     int

	mu         sync.Mutex
	young      map[netip.Addr]*rate.Limiter
	old        map[netip.Addr]*rate.Limiter // the young of before, which became full
	unreadable *rate.Limiter                // for addresses that cannot be read
}

// NewRates returns rates that allow each address perSecond events per second, and
// burst at once.
func NewRates(perSecond float64, burst int) *Rates {
	r := &Rates{perSecond: rate.Limit(perSecond), burst: burst, young: map[netip.Addr]*rate.Limiter{}}
	r.unreadable = rate.NewLimiter(r.perSecond, r.burst)
	return r
}

// Of returns the limiter of a peer, "host:port". All malformed addresses share one.
func (r *Rates) Of(remote string) *rate.Limiter {
	addr, ok := Address(remote)
	if !ok {
		return r.unreadable
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	l, ok := r.young[addr]
	if !ok {
		if l, ok = r.old[addr]; !ok {
			l = rate.NewLimiter(r.perSecond, r.burst)
		}
		if len(r.young) >= maxAddresses {
			r.old, r.young = r.young, map[netip.Addr]*rate.Limiter{}
		}
		r.young[addr] = l
	}
	return l
}
