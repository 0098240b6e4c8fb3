package pool

import (
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

func errPooled(r *record.Record) error {
	return reject.New(reject.AlreadyPooled, "record %v is in the pool", r.ID())
}

var errOverBudget = reject.New(reject.OverBudget, "too many records of the sender were rejected after their signatures had been checked: try again later")

func errGap(r *record.Record, next uint64) error {
	return reject.New(reject.SequenceGap, "sequence number %d comes too early, the next is %d", r.Seq, next)
}

// errFull returns why the full pool does not admit a record that is worth floor in its
// queue.
func (p *Pool) errFull(r *record.Record, floor Rate) error {
	if floor == 0 {
		return reject.New(reject.PoolFull, "the pool is full, and record %v may never be mined: other records exclude it, or one before it in its queue", r.ID())
	}
	return reject.New(reject.PoolFull, "the pool is full of records that pay at least %d per 1000 bytes, this one pays %d", p.table.cheapest(), floor)
}

// checkRoom checks that a record may go to the end of q, which may be nil.
func (p *Pool) checkRoom(q *queue, r *record.Record) error {
	floor := RateOf(r)
	if p.table.retires(q, r) {
		floor = 0
	}
	if q != nil && len(q.entries) > 0 {
		if len(q.entries) >= p.o.MaxPerAccount {
			return reject.New(reject.QueueFull, "%d records of this account wait, the maximum is %d", len(q.entries), p.o.MaxPerAccount)
		}
		floor = min(floor, q.tail().floor)
	}
	if p.table.charged+charge(r) <= p.o.MaxBytes {
		return nil
	}
	if floor <= p.table.cheapest() {
		return p.errFull(r, floor)
	}
	return nil
}

// checkReplacement checks that r pays enough to replace old.
func (p *Pool) checkReplacement(old entry, r *record.Record) error {
	step := max(uint64(old.Fee)/10, uint64(p.o.MinRate)*uint64(r.Size())/1000, 1)
	minFee := old.Fee + record.Amount(step)
	switch {
	case r.Fee < minFee:
		return reject.New(reject.ReplacementTooLow, "record %v has the same sequence number: the minimum fee to replace it is %v, this one is %v", old.ID(), minFee, r.Fee)
	case RateOf(r) < old.rate:
		return reject.New(reject.ReplacementTooLow, "record %v has the same sequence number and pays more for its size, %d per 1000 bytes", old.ID(), old.rate)
	}
	return nil
}

// checkRotation checks that no other queue uses the new key of a KEY_ROTATE. Old is the
// record that r replaces, or nil.
func (p *Pool) checkRotation(r, old *record.Record) error {
	rotate, ok := r.Payload.(record.KeyRotate)
	if !ok {
		return nil
	}
	if old != nil {
		if before, ok := old.Payload.(record.KeyRotate); ok && before.New == rotate.New {
			return nil
		}
	}
	if p.table.queues[rotate.New] != nil || p.table.aliases[rotate.New] != nil {
		return reject.New(reject.KeyInUse, "records of the new key %v wait in the pool", rotate.New)
	}
	return nil
}

// evict removes suspects, and then the cheapest records, until the others fit.
func (p *Pool) evict() {
	for p.table.charged > p.o.MaxBytes {
		q := p.table.first(byTail)
		p.forget(p.table.splice(q, len(q.entries)-1, 1), &p.counts.Evicted)
	}
}
