package miner

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"stele/internal/text"
)

// mostUnderWay is how many shares of a source are sent at a time; of blocks four
// times as many.
const mostUnderWay = 64

// send gives a share to its source, or lets it wait.
func (m *Miner) send(u *upstream, s Share, block bool) {
	limit := mostUnderWay
	if block {
		limit *= 4
	}
	q := queued{s, block, u.generation}
	for _, t := range m.tallies(u) {
		t.Pending++
	}
	switch {
	case u.ctx == nil || u.ctx.Err() != nil:
		m.answer(u, s, ErrLost)
	case u.underWay < limit:
		u.underWay++
		m.tasks.Go(func() { m.submit(u, q) })
	case u.waiting.add(q):
	default:
		m.answer(u, s, &Rejection{Cause: Lost, Text: "too many shares wait for the source"})
	}
}

// submit sends a share, and then those that wait.
func (m *Miner) submit(u *upstream, q queued) {
	for ok := true; ok; {
		m.mu.Lock()
		ctx, stale, stood := u.ctx, q.generation != u.generation, u.connected
		m.mu.Unlock()
		var err error
		start := time.Now()
		if stale {
			err = errLate
		} else {
			err = q.Work.Submit(ctx, q.Share)
		}
		took := time.Since(start)

		m.mu.Lock()
		if !stale && stood && !errors.Is(err, ErrLost) && ctx.Err() == nil {
			u.latency.add(took)
		}
		m.answer(u, q.Share, err)
		q, ok = u.waiting.next()
		if !ok {
			u.underWay--
		}
		m.mu.Unlock()
	}
}

// errLate is about a share that waited too long.
var errLate = &Rejection{Cause: Stale, Text: "its work was out of date before it could be sent"}

// giveUp answers all shares that wait.
func (m *Miner) giveUp(u *upstream, why error) {
	for q, ok := u.waiting.next(); ok; q, ok = u.waiting.next() {
		m.answer(u, q.Share, why)
	}
}

// answer notes what became of a share that was pending.
func (m *Miner) answer(u *upstream, s Share, err error) {
	for _, t := range m.tallies(u) {
		t.Pending--
	}
	var rejection *Rejection
	switch {
	case err == nil:
		m.accept(u, s)
		return
	case errors.As(err, &rejection):
	default: // ErrLost, the end of a context, a connection
		rejection = &Rejection{Cause: Lost, Text: err.Error()}
		if errors.Is(err, ErrLost) && !u.connected && s.Work == u.work {
			u.worthless = s.Work
			m.decide()
		}
	}
	m.reject(u, s, rejection)
}

func (m *Miner) accept(u *upstream, s Share) {
	now := time.Now()
	u.refusals.accept()
	for _, t := range m.tallies(u) {
		t.Accepted++
		if s.Block() {
			t.Blocks++
		}
		t.Difficulty += s.Work.Target.Difficulty().Float64()
		t.Last = now
	}
	level := slog.LevelDebug
	if s.Block() {
		m.hooks.Block(s.Device, s.Hash.String())
		level = slog.LevelInfo
	}
	m.Log.Log(context.Background(), level, "share accepted", "source", u.name, "job", s.Work.ID,
		s.Work.height(), "block", s.Block(), "hash", s.Hash, "device", s.Device)
}

func (m *Miner) reject(u *upstream, s Share, r *Rejection) {
	cause := r.Cause
	if !slices.Contains(Causes, cause) {
		cause = Invalid
	}
	for _, t := range m.tallies(u) {
		t.Rejected[cause]++
	}
	words := text.Clean(r.Text, text.Max)
	now, level := time.Now(), slog.LevelDebug
	if m.running == nil || m.running.Err() == nil { // else everything ends
		level = slog.LevelWarn
	}
	m.Log.Log(context.Background(), level, "share not accepted", "source", u.name, "cause", string(cause), "code", r.Code,
		"reason", words, "job", s.Work.ID, "hash", s.Hash, "device", s.Device, "age", now.Sub(s.Found).Round(time.Millisecond))
	if !r.Raised && u.refusals.refuse(cause, now, m.times) {
		m.Log.Error("source refuses every share", "source", u.name, "cause", string(cause), "reason", words,
			"set_aside_for", u.refusals.pause)
		m.decide()
	}
}

// tallies returns the counts that a share of a source goes to.
func (m *Miner) tallies(u *upstream) [2]*tally { return [2]*tally{&u.tally, &m.total} }
