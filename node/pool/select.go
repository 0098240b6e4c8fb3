package pool

import (
	"errors"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
)

// Limits bound what Select chooses.
type Limits struct {
	Bytes   int // of encoded records
	Records int
}

const (
	// maxMisfits is after how many records in a row that are too large for the
	// room that is left Select gives up. Bitcoin Core does the same
	// (MAX_CONSECUTIVE_FAILURES).
	maxMisfits = 1000
	// maxUnapplied is after how many records that do not apply Select gives up.
	// Each costs as much as one that is chosen, and nothing to its author.
	maxUnapplied = 1000
	// maxStrikes is in how many epochs Select finds that a record does not apply
	// until Update drops it.
	maxStrikes = 3
)

// Select chooses records for a block, the best fee rate first and those of an
// account in order, and applies them to s: the state of the block, with
// rules.Begin done. So ledger.ApplyBlock takes what it returns. Fees are what
// the chosen records pay.
//
// A record that does not apply is left out, with those behind it in its queue.
// It is a suspect from then on: until it applies, it is tried after all others,
// and evicted first. The next Update looks whether it may stay in the pool. After
// maxUnapplied such records Select returns what it has. Between the parts of a
// change of branches it chooses nothing. The error is that of the
// state's view.
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
		case rejected.Reason == reject.SequenceUsed: // mined, and Update will say so
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

// Best returns at most n records of the pool in the order in which Select
// tries them.
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

// walk visits entries by rate, those of a queue in order, without changing the
// order of heads. What can come next is always the successor in a queue of one
// that was visited, or the child in the heap of a head that was visited: few,
// compared with all queues. Suspects come after all others.
type walk struct {
	heads    *heap[*queue]
	front    heap[candidate]
	suspects heap[candidate] // that front came to
	late     bool            // front has suspects now
	last     candidate       // that next returned; none if its queue is nil
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

// leave leaves out what is behind the last entry in its queue.
func (w *walk) leave() { w.last = candidate{} }
