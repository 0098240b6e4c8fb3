package template

import (
	"errors"
	"sync"
	"time"

	"stele/engine"
	"stele/engine/pow"
	"stele/node/ledger/block"
)

var (
	// ErrStale means that a hit is for an older tip.
	ErrStale = errors.New("stale hit: there is a newer tip")
	// ErrUnknown means that a hit is for a header that the roller has not made,
	// or has forgotten.
	ErrUnknown = errors.New("hit for an unknown header")
)

// mostWork is how many Merkle roots a roller remembers. The engine leaves old
// headers at once when it gets a new one, so that a hit for the one before the
// last is rare.
const mostWork = 64

// Roller gives the engine the headers of a template, each once, and makes blocks
// of hits. Its methods may be called by several goroutines at once.
type Roller struct {
	now func() time.Time

	mu         sync.Mutex
	template   *Template // nil: none
	extranonce uint64    // of the last header; it goes on from template to template
	time       uint32    // of the last header
	work       []work    // for the tip of template, oldest first
}

// work is what belongs to a Merkle root.
type work struct {
	root       pow.Hash
	template   *Template
	extranonce uint64
}

// NewRoller returns a roller without a template. Now is the clock; nil is
// time.Now.
func NewRoller(now func() time.Time) *Roller {
	if now == nil {
		now = time.Now
	}
	return &Roller{now: now}
}

// Start goes over to a template and returns its first job. What was found for
// an older template of the same tip is still good.
func (r *Roller) Start(t *Template) engine.Job {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.template == nil || r.template.Prev != t.Prev {
		r.work = nil
	}
	r.template = t
	return r.roll()
}

// Stop leaves the template: there is nothing to mine until the next Start, and
// all hits until then are stale.
func (r *Roller) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.template, r.work = nil, nil
}

// Next returns a job of the template that no call has returned before, and false
// if there is no template. It is made for engine.Mine, which gives it the job
// that came before.
func (r *Roller) Next(engine.Job) (engine.Job, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.template == nil {
		return engine.Job{}, false
	}
	t, now := r.template, r.clock()
	if now > r.time { // another time costs no new Merkle root
		r.time = now
		return t.Job(r.extranonce, t.Version, now), true
	}
	return r.roll(), true
}

// roll returns a job with the next extranonce.
func (r *Roller) roll() engine.Job {
	t := r.template
	r.extranonce++
	r.time = r.clock()
	if len(r.work) == mostWork {
		r.work = append(r.work[:0], r.work[1:]...)
	}
	job := t.Job(r.extranonce, t.Version, r.time)
	header, _ := pow.DecodeHeader(job.Header[:]) // any 80 bytes are a header
	r.work = append(r.work, work{header.MerkleRoot, t, r.extranonce})
	return job
}

// clock returns the time for a header now.
func (r *Roller) clock() uint32 {
	return max(uint32(r.now().Unix()), r.template.MinTime)
}

// Block returns the block that a hit solves. Errors: [ErrStale], [ErrUnknown].
func (r *Roller) Block(hit engine.Hit) (*block.Block, error) {
	encoded := hit.Header()
	header, err := pow.DecodeHeader(encoded[:])
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.template == nil || header.Prev != r.template.Prev {
		return nil, ErrStale
	}
	for _, w := range r.work {
		if w.root == header.MerkleRoot {
			return w.template.Block(w.extranonce, header), nil
		}
	}
	return nil, ErrUnknown
}
