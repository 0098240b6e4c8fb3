package pool

import (
	"fmt"
	"time"

	"stele/node/ledger/record"
	"stele/node/store"
)

// Journal keeps the records of a pool over a crash.
type Journal interface {
	// Save adds records and drops others, all or nothing. It returns when that
	// is on disk.
	Save(add []*record.Record, drop []record.ID) error
	// Load calls fn for the encoding of each record.
	Load(fn func(id record.ID, raw []byte) error) error
}

// StoreJournal returns the journal that the store has for the pool.
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

// change is what the journal does not know yet: that a record came into the
// pool, or left it.
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

// Flush brings the journal up to date. Add, Update and New have done that. The
// error is the journal's. No record is lost by it, and the next call tries
// again; but it does not try again to drop records. They do no harm, since New
// drops what cannot be mined, whereas a late drop could hit a record that the
// chain has put back into the journal meanwhile.
func (p *Pool) Flush() error {
	// Whoever waits here finds that somebody else has saved what it has changed:
	// calls of Add at the same time share a write.
	p.saving.Lock()
	defer p.saving.Unlock()
	p.mu.Lock()
	taken := p.unsaved
	p.unsaved = nil
	p.mu.Unlock()
	if len(taken) == 0 {
		return nil
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
	err := p.o.Journal.Save(add, drop)
	p.failing.Store(err != nil)
	if err == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unsaved = append(again, p.unsaved...)
	return fmt.Errorf("the pool's journal cannot be written: %w", err)
}

// reload fills the pool from the journal. What was mined meanwhile, or is not
// valid any more, is dropped.
func (p *Pool) reload() error {
	start := time.Now()
	var records []*record.Record
	err := p.o.Journal.Load(func(id record.ID, raw []byte) error {
		r, err := record.Decode(raw)
		if err != nil || r.ID() != id {
			return fmt.Errorf("the pool's journal: record %v cannot be read: %w", id, err)
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
			p.o.Log.Warn("a record of the pool's journal is not valid", "record", records[i].ID(), "error", err)
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
	p.o.Log.Info("pool loaded", "records", len(p.table.records), "dropped", len(records)-len(p.table.records), "took", time.Since(start))
	return nil
}
