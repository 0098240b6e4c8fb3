package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"stele/engine/miner"
	"stele/engine/pow"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/template"
)

// sourceName is what the miner's logs and statistics call the source.
const sourceName = "node"

// maxOpenJobs bounds the templates of one tip whose blocks can still be made. The
// devices leave an old template within milliseconds.
const maxOpenJobs = 64

// templateSource gives the templates of this node to a miner, and the blocks that
// it finds to the chain. A share is a block: its target is that of the template.
//
// Where blocks are easy, thousands are found on each parent. One is submitted at a
// time, none after one that was accepted, and the rest is dropped.
//
// Safe for concurrent use.
//
// # Locks
//
// The miner is called with giving held, and calls back with its own lock held:
// what it calls (User, wanted, Header) must not take giving.
type templateSource struct {
	submitter *blockSubmitter
	payout    record.Key
	counts    minedCounts

	giving   sync.Mutex    // guards what follows
	session  miner.Session // nil: none
	taken    bool          // take was called
	template *template.Template
	jobs     uint64         // numbers the templates
	open     []*templateJob // of the newest template's tip, oldest first

	mu      sync.Mutex        // guards what follows
	busy    map[pow.Hash]bool // parents on which a block is being submitted
	closed  bool
	running sync.WaitGroup // submissions
}

// templateJob is a template that the miner works on.
type templateJob struct {
	source *templateSource
	parent pow.Hash
	// full is nil when no block of the template can become the tip any more: the
	// miner remembers its work for longer, and must not keep its records.
	full atomic.Pointer[template.Template]
}

var _ miner.Source = (*templateSource)(nil)

func newTemplateSource(s *blockSubmitter, payout record.Key) *templateSource {
	return &templateSource{submitter: s, payout: payout, busy: map[pow.Hash]bool{}}
}

// Name implements [miner.Source].
func (s *templateSource) Name() string { return sourceName }

// User implements [miner.Source]: the key that the coinbases pay.
func (s *templateSource) User() string { return s.payout.String() }

// Run implements [miner.Source].
func (s *templateSource) Run(ctx context.Context, session miner.Session) error {
	s.giving.Lock()
	s.session = session
	if s.taken {
		s.give()
	}
	s.giving.Unlock()
	<-ctx.Done()
	s.giving.Lock()
	defer s.giving.Unlock()
	s.session = nil
	return ctx.Err()
}

// take replaces the template that is mined; with nil there is nothing to mine.
// Blocks of older templates of the same tip are still good. It does not wait for
// a device.
func (s *templateSource) take(t *template.Template) {
	s.giving.Lock()
	defer s.giving.Unlock()
	s.template, s.taken = t, true
	s.give()
}

// give gives the newest template to the session and then forgets those of another
// tip. The caller must hold s.giving.
func (s *templateSource) give() {
	var job *templateJob
	if s.template != nil {
		job = &templateJob{source: s, parent: s.template.Prev}
		job.full.Store(s.template)
	}
	if s.session != nil {
		s.session.Work(s.work(job))
	}
	for len(s.open) > 0 && (job == nil || s.open[0].parent != job.parent || len(s.open) >= maxOpenJobs) {
		s.open[0].full.Store(nil)
		s.open = s.open[1:]
	}
	if job != nil {
		s.open = append(s.open, job)
	}
}

// work returns what the miner needs of a job, and nil for nil. The caller must
// hold s.giving.
func (s *templateSource) work(job *templateJob) *miner.Work {
	if job == nil {
		return nil
	}
	s.jobs++
	frame := *s.template
	frame.Records = nil // headers are made without them
	return &miner.Work{
		ID:          fmt.Sprintf("%d-%d", frame.Height, s.jobs),
		Height:      frame.Height,
		Target:      frame.Target,
		VersionMask: frame.VersionMask,
		Time:        frame.Time,
		Received:    time.Now(),
		Extranonces: 1 << 63,
		Header: func(extranonce uint64, time uint32) pow.Header {
			return frame.Header(extranonce, frame.Version, time)
		},
		Wanted: job.wanted,
		Submit: job.submit,
	}
}

// wanted reports whether a block of the job could become the tip, or is to be
// counted as stale.
func (j *templateJob) wanted() bool {
	s := j.source
	s.mu.Lock()
	busy := s.busy[j.parent]
	s.mu.Unlock()
	return !busy && !s.submitter.isOver(j.parent)
}

// submit gives a block to the chain. If the chain cannot take it, as on a full
// disk, it waits a little, so that what fails does not fail all the time.
func (j *templateJob) submit(ctx context.Context, share miner.Share) error {
	s := j.source
	if !s.begin(j.parent) {
		return miner.ErrNotWanted
	}
	defer s.end(j.parent)
	var err error
	if t := j.full.Load(); t == nil {
		err = s.submitter.countStale(j.parent, &s.counts)
	} else {
		err = s.submitter.submit(t.Block(share.Extranonce, share.Header), &s.counts, slog.String("device", share.Device))
	}
	reason, rejected := reject.Of(err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errSolved):
		return miner.ErrNotWanted
	case errors.Is(err, errStale):
		return &miner.Rejection{Cause: miner.Stale, Text: err.Error()}
	}
	if !errors.Is(err, errBadClock) {
		select {
		case <-time.After(retryAfter):
		case <-ctx.Done():
		}
	}
	if rejected {
		return &miner.Rejection{Cause: miner.Invalid, Text: string(reason)}
	}
	return fmt.Errorf("%w: %w", miner.ErrLost, err)
}

// begin reports whether a block on a parent may be submitted now: no other one on
// it is, and the source is not closed. If so, end must be called.
func (s *templateSource) begin(parent pow.Hash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.busy[parent] {
		return false
	}
	s.busy[parent] = true
	s.running.Add(1)
	return true
}

func (s *templateSource) end(parent pow.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, parent)
	s.running.Done()
}

// close waits until no block is being submitted. Further ones are dropped.
func (s *templateSource) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.running.Wait()
}
