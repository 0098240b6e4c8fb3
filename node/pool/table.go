package pool

import (
	"slices"

	"stele/engine/pow"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// The orders of queues that a table keeps, as slots of queue.place.
const (
	byHead   = iota // best rate of the first record first, for Select
	byTail          // lowest floor of the last record first, for eviction
	byExpiry        // soonest expiry of any record first
	orders
)

// absent is the place of a queue that is not in an order.
const absent = -1

// table has all entries of the pool, in queues, with their orders and indexes.
type table struct {
	records map[record.ID]*queue        // by record
	full    map[pow.Hash]*record.Record // by full hash
	queues  map[record.Key]*queue       // by account
	aliases map[record.Key]*queue       // by the new keys of the KEY_ROTATE records in them
	retired map[record.Key]*queue       // by the keys that sign these, which are retired then
	names   names
	orders  [orders]heap[*queue]
	bytes   int64 // of encoded records
	charged int64 // against Options.MaxBytes
}

// names has, for each key that must not be retired (rules.CurrentKeys), the queues whose
// records name it, and how often they do.
type names map[record.Key]map[*queue]int

func (n names) add(q *queue, r *record.Record) {
	for _, k := range rules.CurrentKeys(r.Payload) {
		if n[k] == nil {
			n[k] = map[*queue]int{}
		}
		n[k][q]++
	}
}

func (n names) remove(q *queue, r *record.Record) {
	for _, k := range rules.CurrentKeys(r.Payload) {
		if n[k][q]--; n[k][q] == 0 {
			delete(n[k], q)
		}
		if len(n[k]) == 0 {
			delete(n, k)
		}
	}
}

func newTable() table {
	t := table{
		records: map[record.ID]*queue{},
		full:    map[pow.Hash]*record.Record{},
		queues:  map[record.Key]*queue{},
		aliases: map[record.Key]*queue{},
		retired: map[record.Key]*queue{},
		names:   names{},
	}
	for slot := range t.orders {
		t.orders[slot].moved = func(q *queue, place int) { q.place[slot] = place }
	}
	return t
}

// splice changes a queue as queue.splice does, and updates everything that depends on it.
// A queue without entries is removed.
func (t *table) splice(q *queue, i, n int, with ...entry) []entry {
	removed := q.splice(i, n, with...)
	var rotated []record.Key // keys whose retirement has changed
	for _, e := range removed {
		delete(t.records, e.ID())
		delete(t.full, e.FullHash())
		t.bytes -= int64(e.Size())
		t.charged -= charge(e.Record)
		t.names.remove(q, e.Record)
		if p, ok := e.Payload.(record.KeyRotate); ok {
			delete(t.aliases, p.New)
			delete(t.retired, e.Key)
			rotated = append(rotated, e.Key)
		}
	}
	for _, e := range with {
		t.records[e.ID()] = q
		t.full[e.FullHash()] = e.Record
		t.bytes += int64(e.Size())
		t.charged += charge(e.Record)
		t.names.add(q, e.Record)
		if p, ok := e.Payload.(record.KeyRotate); ok {
			t.aliases[p.New] = q
			t.retired[e.Key] = q
			rotated = append(rotated, e.Key)
		}
	}
	if len(q.entries) == 0 {
		delete(t.queues, q.account)
		for slot := range t.orders {
			if place := q.place[slot]; place != absent {
				t.orders[slot].remove(place)
				q.place[slot] = absent
			}
		}
	} else {
		t.queues[q.account] = q
		t.recount(q, i)
	}
	for _, key := range rotated {
		for other := range t.names[key] {
			if other != q {
				t.recount(other, 0)
			}
		}
	}
	return removed
}

// recount computes what depends on the order of the entries of q, from index i on, and
// updates the place of q in the orders.
func (t *table) recount(q *queue, i int) {
	for j := i; j < len(q.entries); j++ {
		e := &q.entries[j]
		e.floor, e.expiry = e.rate, e.until
		if e.strikes > 0 || t.retires(q, e.Record) {
			e.floor = 0
		}
		if j > 0 {
			before := &q.entries[j-1]
			e.floor, e.expiry = min(e.floor, before.floor), min(e.expiry, before.expiry)
		}
	}
	tail := q.tail()
	t.rank(q, byHead, q.head().rank())
	t.rank(q, byTail, rank{uint64(tail.floor), ^tail.arrival})
	t.rank(q, byExpiry, rank{key: uint64(tail.expiry)})
}

// retires reports whether a KEY_ROTATE in another queue than q retires a key that r
// names, so that r would be invalid after it. A record behind a rotation in its own
// queue has been applied after it. Q may be nil.
func (t *table) retires(q *queue, r *record.Record) bool {
	return slices.ContainsFunc(rules.CurrentKeys(r.Payload), func(k record.Key) bool {
		by := t.retired[k]
		return by != nil && by != q
	})
}

// rank sets the rank of q in an order.
func (t *table) rank(q *queue, slot int, r rank) {
	if place := q.place[slot]; place != absent {
		t.orders[slot].rerank(place, r)
	} else {
		t.orders[slot].push(r, q)
	}
}

// first returns the queue that comes first in an order, or nil.
func (t *table) first(slot int) *queue {
	if items := t.orders[slot].items; len(items) > 0 {
		return items[0].item
	}
	return nil
}

// cheapest returns the lowest worth of a last record in a queue: a new record must pay
// more to displace one. It is 0 as long as there are suspects.
func (t *table) cheapest() Rate {
	if q := t.first(byTail); q != nil {
		return q.tail().floor
	}
	return 0
}
