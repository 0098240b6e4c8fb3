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

// parts is what the pool knows of a change of branches until its last part. What
// came back from disconnected blocks is only in the journal, since that can be
// far more than there is room for in memory.
type parts struct {
	confirmed map[record.ID]bool // records of the pool that are in connected blocks now
}

// collect notes what a part of a change confirms and gives back.
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
			p.unsave(r) // an earlier part may have given it back
		}
	}
}

// finish judges all records, with those that came back in the journal, after the
// last part of a change. If these cannot be read, the pool is as before, and the
// next change tries again.
func (p *Pool) finish(v rules.View, c rules.Context) error {
	returned, err := p.recall()
	if err != nil {
		return err
	}
	mined := p.parts.confirmed
	p.parts = nil
	return p.judgeAll(v, c, returned, mined)
}

// recall returns entries for the records that are in the journal and not in the
// pool, and for those that a Flush has still to put there. A record that was
// dropped a moment ago may be among them: it is judged as the others are.
func (p *Pool) recall() ([]entry, error) {
	last := map[record.ID]*record.Record{} // of the changes that the journal does not know
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
			return fmt.Errorf("the pool's journal: record %v cannot be read: %w", id, err)
		}
		take(r)
		return nil
	})
	return entries, err
}

// keepBest keeps as many entries as limit has room for, those with the best
// rates, and returns the others as cut. A record is worth no more than those
// before it of the same author. Charged is what the kept ones take.
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
