package pool

import (
	"fmt"
	"slices"
	"time"

	"stele/node/ledger/record"
	"stele/node/store"
)

// Journal keeps the records of a pool on disk, for the time after a crash.
type Journal interface {
	// Save adds records and drops others, atomically. It returns when that is on
	// disk.
	Save(add []*record.Record, drop []record.ID) error
	// Load calls fn for the encoding of each record.
	Load(fn func(id record.ID, raw []byte) error) error
}

// StoreJournal returns the journal of the pool in a store.
func StoreJournal(s *store.Store) Journal { return storeJournal{s} }

type storeJournal struct{ store *store.Store }

func (j storeJournal) Save(add []*record.Record, drop []record.ID) error {
	batch := j.store.NewBatch()
	for _, r := range add {
		batch.PutPool(r.ID(), r.Encode())
	}
	for _, id := range drop {
		batch.DeletePool(id)
	}
	return batch.Commit()
}

func (j storeJournal) Load(fn func(id record.ID, raw []byte) error) error { return j.store.Pool(fn) }

// change is a change that is not in the journal yet: a record was added to the pool, or
// left it.
type change struct {
	id     record.ID
	record *record.Record // nil: it left
}

func (p *Pool) save(r *record.Record)   { p.note(change{r.ID(), r}) }
func (p *Pool) unsave(r *record.Record) { p.note(change{r.ID(), nil}) }

func (p *Pool) note(c change) {
	if p.o.Journal != nil {
		p.unsaved = append(p.unsaved, c)
	}
}

// announce notes a record for Options.Accepted.
func (p *Pool) announce(r *record.Record) {
	if p.o.Accepted != nil {
		p.accepted = append(p.accepted, r)
	}
}

// Flush brings the journal up to date: when it returns nil, all changes before the call
// are in the journal. Add, Update and New call it themselves; after Follow the chain does.
// It calls Options.Accepted at its end. Safe for concurrent use.
//
// The error is that of the journal. No record is lost by it, and the next call tries
// again to add records, but not to drop them. Those do no harm, since New drops what
// cannot be mined, whereas a late drop could hit a record that the chain has put back
// into the journal meanwhile.
func (p *Pool) Flush() error {
	accepted, err := p.flush()
	if len(accepted) > 0 {
		p.o.Accepted(accepted)
	}
	return err
}

// flush is Flush without the call of Options.Accepted, for which it returns the records.
func (p *Pool) flush() (accepted []*record.Record, err error) {
	// A call that waits here often finds its changes saved by another one: concurrent
	// calls of Add share a write.
	p.saving.Lock()
	defer p.saving.Unlock()
	p.mu.Lock()
	taken := p.unsaved
	accepted = slices.DeleteFunc(p.accepted, func(r *record.Record) bool { return p.table.full[r.FullHash()] == nil })
	p.unsaved, p.accepted = nil, nil
	p.mu.Unlock()
	if len(taken) == 0 {
		return accepted, nil
	}

	last := make(map[record.ID]change, len(taken)) // of the changes of a record
	for _, c := range taken {
		last[c.id] = c
	}
	var add []*record.Record
	var drop []record.ID
	var again []change
	for id, c := range last {
		if c.record != nil {
			add, again = append(add, c.record), append(again, c)
		} else {
			drop = append(drop, id)
		}
	}
	err = p.o.Journal.Save(add, drop)
	p.failing.Store(err != nil)
	if err == nil {
		return accepted, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unsaved = append(again, p.unsaved...)
	p.accepted = append(accepted, p.accepted...)
	return nil, fmt.Errorf("pool journal not written: %w", err)
}

// reload fills the pool from the journal. Records that were mined meanwhile, or are not
// valid any more, are dropped.
func (p *Pool) reload() error {
	start := time.Now()
	var records []*record.Record
	err := p.o.Journal.Load(func(id record.ID, raw []byte) error {
		r, err := record.Decode(raw)
		if err != nil || r.ID() != id {
			return fmt.Errorf("pool journal: unreadable record %v: %w", id, err)
		}
		records = append(records, r)
		return nil
	})
	if err != nil || len(records) == 0 {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	v, c := p.o.View(), p.o.Context()
	var entries []entry
	for i, err := range p.o.Verifier.VerifyEach(records) {
		if err == nil {
			err = records[i].Check(c.Params.ID)
		}
		if err != nil {
			p.o.Log.Warn("invalid record in pool journal", "record", records[i].ID(), "err", err)
			p.unsave(records[i])
			continue
		}
		entries = append(entries, p.entry(records[i]))
	}
	if err := p.refill(v, c, entries, nil); err != nil {
		return err
	}
	p.expire(c.Height)
	p.evict()
	p.counts = Counts{}
	clear(p.rejections)
	p.o.Log.Info("pool loaded", "records", len(p.table.records), "dropped", len(records)-len(p.table.records), "took", time.Since(start))
	return nil
}
