package pool

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"stele/node/chain"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// parts is what the pool keeps of a reorganisation until its last part. The records of
// disconnected blocks are only in the journal, since they may exceed the memory by far.
type parts struct {
	confirmed map[record.ID]bool // records of the pool that are in connected blocks now
}

// collect notes which records a part of a change confirms and returns.
func (p *Pool) collect(change chain.Change) {
	if p.parts == nil {
		p.parts = &parts{confirmed: map[record.ID]bool{}}
	}
	for _, b := range change.Disconnected {
		for _, r := range b.Records[1:] {
			delete(p.parts.confirmed, r.ID())
			p.save(r)
		}
	}
	for _, b := range change.Connected {
		for _, r := range b.Records[1:] {
			if p.table.records[r.ID()] != nil {
				p.parts.confirmed[r.ID()] = true
			}
			p.unsave(r) // an earlier part may have returned it
		}
	}
}

// finish judges all records, together with the returned ones in the journal, after the
// last part of a change. If these cannot be read, the pool stays as before, and the next
// change tries again.
func (p *Pool) finish(v rules.View, c rules.Context) error {
	returned, err := p.recall()
	if err != nil {
		return err
	}
	mined := p.parts.confirmed
	p.parts = nil
	return p.judgeAll(v, c, returned, mined)
}

// recall returns entries for the records that are in the journal, or will be after the
// next Flush, and not in the pool. A record that was dropped a moment ago may be among
// them: it is judged like the others.
func (p *Pool) recall() ([]entry, error) {
	last := map[record.ID]*record.Record{} // from the last unsaved change of each
	for _, c := range p.unsaved {
		last[c.id] = c.record
	}
	var entries []entry
	var charged int64
	take := func(r *record.Record) {
		entries = append(entries, p.entry(r))
		if charged += charge(r); charged > 2*p.o.MaxBytes {
			var cut []entry
			entries, cut, charged = keepBest(entries, p.o.MaxBytes)
			p.forget(cut, &p.counts.Evicted)
		}
	}
	for id, r := range last {
		if r != nil && p.table.records[id] == nil {
			take(r)
		}
	}
	if p.o.Journal == nil {
		return entries, nil
	}
	err := p.o.Journal.Load(func(id record.ID, raw []byte) error {
		if _, known := last[id]; known || p.table.records[id] != nil {
			return nil
		}
		r, err := record.Decode(raw)
		if err != nil || r.ID() != id {
			return fmt.Errorf("pool journal: unreadable record %v: %w", id, err)
		}
		take(r)
		return nil
	})
	return entries, err
}

// keepBest keeps as many entries as fit into limit bytes, those with the best rates, and
// returns the others as cut. A record is worth no more than those before it of the same
// author. Charged is the sum of the charges of the kept ones.
func keepBest(entries []entry, limit int64) (kept, cut []entry, charged int64) {
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(bytes.Compare(a.Key[:], b.Key[:]), cmp.Compare(a.Seq, b.Seq), cmp.Compare(b.rate, a.rate))
	})
	for i := range entries {
		e := &entries[i]
		e.floor = e.rate
		if i > 0 && entries[i-1].Key == e.Key {
			e.floor = min(e.floor, entries[i-1].floor)
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(b.floor, a.floor) })
	for i := range entries {
		size := charge(entries[i].Record)
		if charged+size > limit {
			return slices.Clone(entries[:i]), entries[i:], charged
		}
		charged += size
	}
	return entries, nil, charged
}
