package miner

import (
	"time"

	"stele/engine"
	"stele/engine/pow"
)

// roller makes the headers of a source's work, and never the same pair of
// extranonce and time twice for one work. The extranonce goes on from work to
// work, since a source may send the same coinbase again.
type roller struct {
	work       *Work
	extranonce uint64 // of the last header
	used       uint64 // extranonces at this time
	time       uint32 // of the last header
	warned     bool   // that the extranonces are used up
	remember   func(root pow.Hash, w *Work, extranonce uint64)
}

// next returns the next job of w, and false if there is none in this second. A
// later time costs no new Merkle root.
func (r *roller) next(w *Work, now time.Time) (engine.Job, bool) {
	clock := w.timeAt(now)
	switch {
	case w != r.work:
		if r.work != nil {
			r.extranonce++
		}
		r.work, r.used, r.warned = w, 1, false
	case clock > r.time:
		r.used = 1
	case r.used < w.Extranonces:
		r.extranonce++
		r.used++
	default:
		return engine.Job{}, false
	}
	r.extranonce %= max(w.Extranonces, 1)
	r.time = clock
	header := w.Header(r.extranonce, clock)
	r.remember(header.MerkleRoot, w, r.extranonce)
	return engine.Job{Header: header.Encode(), Target: w.Target, VersionMask: w.VersionMask}, true
}

// timeAt returns the time of a header that is made now, in seconds since 1970.
func (w *Work) timeAt(now time.Time) uint32 {
	passed := max(now.Sub(w.Received), 0) / time.Second
	t := uint64(w.Time) + uint64(passed)
	if w.MaxTime != 0 {
		t = min(t, uint64(max(w.MaxTime, w.Time)))
	}
	return uint32(min(t, 1<<32-1))
}

// roller returns the roller of the active source.
func (m *Miner) roller() *roller { return &m.active.roller }

// roll is called by the engine when a job is used up.
func (m *Miner) roll(engine.Job) (engine.Job, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.current == nil || m.active == nil {
		return engine.Job{}, false
	}
	r := m.roller()
	job, ok := r.next(m.current, time.Now())
	if !ok {
		m.assigned = nil // tick assigns it again in a later second
		if !r.warned {
			m.Log.Warn("all extranonces of a second are used up", "source", m.active.name, "job", m.current.ID, "extranonces", m.current.Extranonces)
			r.warned = true
		}
	}
	return job, ok
}
