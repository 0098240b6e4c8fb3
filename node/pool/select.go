package pool

import (
	"errors"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
)

// Limits bound the records that Select chooses.
type Limits struct {
	Bytes   int // of encoded records
	Records int
}

const (
	// maxMisfits is the number of consecutive records too large for the remaining
	// room after which Select stops. Bitcoin Core has the same limit
	// (MAX_CONSECUTIVE_FAILURES).
	maxMisfits = 1000
	// maxUnapplied is the number of records that do not apply after which Select
	// stops. Each costs as much time as a chosen one, and its author nothing.
	maxUnapplied = 1000
	// maxStrikes is the number of epochs in which a record does not apply after
	// which Follow drops it.
	maxStrikes = 3
)

// Select chooses records for a block, the best fee rate first and those of an account in
// order, and applies them to s: the state of the block, after rules.Begin. So
// rules.ApplyBlock accepts them. Fees is the sum of their fees. Safe for concurrent use.
//
// A record that does not apply is left out, with those behind it in its queue. It is a
// suspect then: until it applies, it is tried after all others, and evicted first. The
// next Follow judges whether it may stay in the pool. After maxUnapplied such records
// Select returns what it has. Between the parts of a reorganisation it chooses nothing.
// The error is that of the state's view.
func (p *Pool) Select(s *rules.State, c rules.Context, l Limits) (chosen []*record.Record, fees record.Amount, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.parts != nil {
		return nil, 0, nil // the state is that of a tip in between
	}
	room, misfits, unapplied := l.Bytes, 0, 0
	w := p.table.walk()
	for e := w.next(); e != nil && len(chosen) < l.Records && misfits < maxMisfits && unapplied < maxUnapplied; e = w.next() {
		if e.Size() > room {
			misfits++
			w.leave()
			continue
		}
		err := rules.Apply(s, c, e.Record)
		var rejected *reject.Error
		switch {
		case err == nil:
			misfits = 0
			room -= e.Size()
			fees += e.Fee
			chosen = append(chosen, e.Record)
			if e.strikes > 0 {
				e.strikes = 0
				p.table.recount(w.last.queue, w.last.index)
			}
		case !errors.As(err, &rejected):
			return nil, 0, err
		case rejected.Reason == reject.SequenceUsed: // mined; Follow will remove it
		default:
			unapplied++
			p.counts.Unapplied++
			p.suspects[w.last.queue] = true
			e.strike(p.epoch)
			p.table.recount(w.last.queue, w.last.index)
			w.leave()
		}
	}
	return chosen, fees, nil
}

// Best returns at most n records of the pool, in the order in which Select tries them.
func (p *Pool) Best(n int) []*record.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	var best []*record.Record
	w := p.table.walk()
	for e := w.next(); e != nil && len(best) < n; e = w.next() {
		best = append(best, e.Record)
	}
	return best
}

// walk visits entries by rate, those of a queue in order, without changing the heap of
// heads. The next entry is always the successor of a visited one in its queue, or the
// child of a visited head in the heap: few candidates, compared with all queues. Suspects
// come after all others.
type walk struct {
	heads    *heap[*queue]
	front    heap[candidate]
	suspects heap[candidate] // set aside by next
	late     bool            // front has the suspects now
	last     candidate       // returned by next; none if its queue is nil
}

// candidate is an entry, by its index in its queue.
type candidate struct {
	queue *queue
	index int
	place int // of a head, in the heap; absent for the others
}

func (t *table) walk() *walk {
	w := &walk{heads: &t.orders[byHead]}
	w.pushHead(0)
	return w
}

func (w *walk) pushHead(place int) {
	if place < len(w.heads.items) {
		x := w.heads.items[place]
		w.front.push(x.rank, candidate{x.item, 0, place})
	}
}

// next returns the next entry, or nil.
func (w *walk) next() *entry {
	if q, i := w.last.queue, w.last.index+1; q != nil && i < len(q.entries) {
		w.front.push(q.entries[i].rank(), candidate{q, i, absent})
	}
	w.last = candidate{}
	for {
		if len(w.front.items) == 0 {
			if w.late {
				return nil
			}
			w.front, w.late = w.suspects, true
			continue
		}
		next := w.front.pop()
		if next.place != absent {
			w.pushHead(2*next.place + 1)
			w.pushHead(2*next.place + 2)
		}
		e := &next.queue.entries[next.index]
		if e.isSuspect() && !w.late {
			w.suspects.push(e.rank(), candidate{next.queue, next.index, absent})
			continue
		}
		w.last = next
		return e
	}
}

// leave skips the entries behind the last one in its queue.
func (w *walk) leave() { w.last = candidate{} }
