package credit

import (
	"stele/node/store"
)

// cache holds vouchers as they are at the tip: those that were read or written last, as
// the next blocks are mostly about them. It has two generations. When the young one is
// full it becomes the old one, and what was in that is forgotten, unless it was asked for
// meanwhile. Not safe for concurrent use.
type cache struct {
	limit      int // vouchers of a generation
	young, old map[store.Place]row
}

// row is an encoded voucher; one that does not fit is kept in no cache.
type row struct {
	size  uint8
	bytes [rowSize]byte
}

const rowSize = 15

// maxRecent is how many vouchers a generation has: both take 40 MB.
const maxRecent = 1 << 19

func newCache(limit int) cache {
	return cache{limit: limit, young: map[store.Place]row{}, old: map[store.Place]row{}}
}

// has reports whether a voucher is kept.
func (c *cache) has(at store.Place) bool {
	if _, ok := c.young[at]; ok {
		return true
	}
	_, ok := c.old[at]
	return ok
}

// get returns a voucher, which may be changed, or nil.
func (c *cache) get(at store.Place) *voucher {
	r, ok := c.young[at]
	if !ok {
		if r, ok = c.old[at]; !ok {
			return nil
		}
		c.add(at, r)
	}
	v, err := decodeVoucher(r.bytes[:r.size])
	if err != nil {
		return nil // it is on disk too
	}
	return &v
}

// set keeps an encoded voucher.
func (c *cache) set(at store.Place, value []byte) {
	if len(value) > rowSize {
		delete(c.young, at)
		delete(c.old, at)
		return
	}
	r := row{size: uint8(len(value))}
	copy(r.bytes[:], value)
	c.add(at, r)
}

func (c *cache) add(at store.Place, r row) {
	if len(c.young) >= c.limit {
		c.young, c.old = c.old, c.young
		clear(c.young)
	}
	c.young[at] = r
}

func (c *cache) clear() {
	clear(c.young)
	clear(c.old)
}

// offers has the offers that are on disk for the running period, so that a sale need not
// ask for its own. Not safe for concurrent use.
type offers struct {
	limit  int
	period uint32
	known  map[offer]struct{}
	all    bool // it has all of the period
}

// maxOffers is how many offers are kept, about 8 MB.
const maxOffers = 100_000

// begin is called when the first block of a period joins.
func (o *offers) begin(period uint32) {
	*o = offers{limit: o.limit, period: period, known: map[offer]struct{}{}, all: true}
}

// forget is called when the offers on disk may be others.
func (o *offers) forget() { *o = offers{limit: o.limit} }

// has reports whether an offer is known for a period, and if not, whether that is sure.
func (o *offers) has(of offer, period uint32) (known, sure bool) {
	if o.period != period {
		return false, false
	}
	_, known = o.known[of]
	return known, known || o.all
}

// add adds an offer of a period.
func (o *offers) add(of offer, period uint32) {
	if o.known == nil || o.period != period {
		*o = offers{limit: o.limit, period: period, known: map[offer]struct{}{}}
	}
	if len(o.known) >= o.limit {
		clear(o.known)
		o.all = false
	}
	o.known[of] = struct{}{}
}
