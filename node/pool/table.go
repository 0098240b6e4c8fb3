package pool

import "stele/node/record"

// The orders of queues that a table keeps, as slots of queue.place.
const (
	byHead   = iota // best rate of the first record first, for Select
	byTail          // cheapest floor of the last record first, for eviction
	byExpiry        // soonest expiry of any record first
	orders
)

// absent is the place of a queue that is not in an order.
const absent = -1

// table has all entries of the pool, in queues, and keeps the orders and the
// index of them.
type table struct {
	records map[record.ID]*queue  // that the record is in
	queues  map[record.Key]*queue // by account
	aliases map[record.Key]*queue // by the new keys of the KEY_ROTATE records in them
	orders  [orders]heap[*queue]
	bytes   int64 // of encoded records
	charged int64 // against Options.MaxBytes
}

func newTable() table {
	t := table{
		records: map[record.ID]*queue{},
		queues:  map[record.Key]*queue{},
		aliases: map[record.Key]*queue{},
	}
	for slot := range t.orders {
		t.orders[slot].moved = func(q *queue, place int) { q.place[slot] = place }
	}
	return t
}

// splice changes a queue as queue.splice does, and everything that depends on
// it. A queue that is left empty is gone.
func (t *table) splice(q *queue, i, n int, with ...entry) []entry {
	removed := q.splice(i, n, with...)
	for _, e := range removed {
		delete(t.records, e.ID())
		t.bytes -= int64(e.Size())
		t.charged -= charge(e.Record)
		if p, ok := e.Payload.(record.KeyRotate); ok {
			delete(t.aliases, p.New)
		}
	}
	for _, e := range with {
		t.records[e.ID()] = q
		t.bytes += int64(e.Size())
		t.charged += charge(e.Record)
		if p, ok := e.Payload.(record.KeyRotate); ok {
			t.aliases[p.New] = q
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
		return removed
	}
	t.queues[q.account] = q
	tail := q.tail()
	t.rank(q, byHead, q.head().rank())
	t.rank(q, byTail, rank{uint64(tail.floor), ^tail.arrival})
	t.rank(q, byExpiry, rank{key: uint64(tail.expiry)})
	return removed
}

// rank puts q where r says in an order.
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

// cheapest returns the lowest rate that is worth keeping: a record must pay
// more to take another's place.
func (t *table) cheapest() Rate {
	if q := t.first(byTail); q != nil {
		return q.tail().floor
	}
	return 0
}
