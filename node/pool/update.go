package pool

import (
	"cmp"
	"slices"

	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// Update calls Follow and then Flush. An error of the journal is only logged.
func (p *Pool) Update(change chain.Change) error {
	err := p.Follow(change)
	if err := p.Flush(); err != nil {
		p.o.Log.Error("pool journal not written: records could be lost in a crash", "err", err)
	}
	return err
}

// Follow follows a change of the chain. It must be called once for each, in order:
// by chain.Options.OnChange. [Pool.Flush] must follow before a block is
// disconnected: by chain.Options.Flush. Until then the removal of mined records is
// not in the journal, and the chain puts those of a disconnected block back there:
// a removal that came later would lose them in a crash. A template may be made
// between the two.
//
// Mined records leave the pool, and with them those that cannot be mined any more:
// records whose sequence number another record has used, records that have expired,
// and the records behind one of those in its queue. Records of disconnected blocks
// return, whatever their fee, if they are still valid.
//
// For a partial change nothing leaves the pool and nothing returns, because the state
// of a block in between says nothing about a record. Until the last part the pool only
// notes which records are confirmed, and the journal has the returned ones.
//
// The error is that of the state's view, or of the journal after a change in parts.
// Records that could not be judged are then only in the journal.
func (p *Pool) Follow(change chain.Change) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if change.Partial {
		p.collect(change)
		return nil
	}
	p.epoch++
	v, c := p.o.View(), p.o.Context()
	before := p.counts
	var err error
	switch {
	case p.parts != nil:
		p.collect(change)
		err = p.finish(v, c)
	case len(change.Disconnected) > 0:
		err = p.rebuild(v, c, change)
	default:
		err = p.advance(v, c, change)
	}
	if p.parts != nil {
		return err
	}
	p.expire(c.Height)
	p.evict()
	p.o.Log.Debug("pool updated", "height", c.Height, "records", len(p.table.records),
		"mined", p.counts.Mined-before.Mined, "returned", p.counts.Returned-before.Returned,
		"expired", p.counts.Expired-before.Expired, "invalid", p.counts.Invalid-before.Invalid)
	return err
}

// advance follows a chain that only got longer. A queue whose first records were mined
// remains valid without them: the state has applied the same records to its account.
// All other queues of an account that has signed a record in the new blocks are judged
// again, and so are those that name a rotated key, and the suspects.
func (p *Pool) advance(v rules.View, c rules.Context, change chain.Change) error {
	t := &p.table
	if len(t.records) == 0 { // as in a catch-up: the accounts need not be read
		clear(p.suspects)
		return nil
	}
	var mined []*queue
	var failed error
	for _, b := range change.Connected {
		for _, r := range b.Records[1:] {
			if r.Type() == record.TypeKeyRotate {
				for q := range t.names[r.Key] {
					p.suspects[q] = true
				}
			}
			if q := t.records[r.ID()]; q != nil {
				if q.mined == 0 {
					mined = append(mined, q)
				}
				q.mined++
				continue
			}
			for _, key := range r.Signers() {
				q, _, err := p.find(v, key)
				failed = cmp.Or(failed, err)
				for _, q := range []*queue{q, t.queues[key]} {
					if q != nil {
						p.suspects[q] = true
					}
				}
			}
		}
	}
	for _, q := range mined {
		if !p.suspects[q] {
			p.forget(t.splice(q, 0, q.mined), &p.counts.Mined)
		}
		q.mined = 0
	}
	var entries []entry
	for q := range p.suspects {
		if n := len(q.entries); n > 0 {
			entries = append(entries, t.splice(q, 0, n)...)
		}
	}
	clear(p.suspects)
	if len(entries) == 0 {
		return failed
	}
	return cmp.Or(failed, p.refill(v, c, entries, idsOf(change.Connected)))
}

// rebuild follows a chain of which blocks were disconnected: all records are judged
// again, together with those of these blocks.
func (p *Pool) rebuild(v rules.View, c rules.Context, change chain.Change) error {
	var returned []entry
	for _, b := range change.Disconnected {
		for _, r := range b.Records[1:] {
			if p.table.records[r.ID()] == nil {
				p.save(r)
				returned = append(returned, p.entry(r))
			}
		}
	}
	return p.judgeAll(v, c, returned, idsOf(change.Connected))
}

// judgeAll judges all records again, together with the returned ones.
func (p *Pool) judgeAll(v rules.View, c rules.Context, returned []entry, mined map[record.ID]bool) error {
	var entries []entry
	for _, q := range p.table.queues {
		entries = append(entries, q.entries...)
	}
	p.table = newTable()
	clear(p.suspects)
	err := p.refill(v, c, append(entries, returned...), mined)
	slices.SortFunc(returned, func(a, b entry) int { return cmp.Compare(a.Seq, b.Seq) }) // for Options.Accepted
	for _, e := range returned {
		if p.table.records[e.ID()] != nil {
			p.counts.Returned++
			p.announce(e.Record)
		}
	}
	return err
}

// expire removes the records that cannot be in a block of this height or above.
func (p *Pool) expire(height uint32) {
	for q := p.table.first(byExpiry); q != nil && q.tail().expiry < height; q = p.table.first(byExpiry) {
		i := slices.IndexFunc(q.entries, func(e entry) bool { return e.until < height })
		p.forget(p.table.splice(q, i, len(q.entries)-i), &p.counts.Expired)
	}
}

// forget removes the entries from the journal too, and counts them.
func (p *Pool) forget(removed []entry, count *uint64) {
	kind := p.recent.left
	if count == &p.counts.Mined {
		kind = p.recent.mined
	}
	for _, e := range removed {
		p.unsave(e.Record)
		remember(kind, e.Record)
	}
	*count += uint64(len(removed))
}

// idsOf returns the ids of the records in the blocks.
func idsOf(blocks []*block.Block) map[record.ID]bool {
	ids := map[record.ID]bool{}
	for _, b := range blocks {
		for _, r := range b.Records {
			ids[r.ID()] = true
		}
	}
	return ids
}
