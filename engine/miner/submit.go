package miner

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"stele/internal/text"
)

// maxInFlight is how many shares of a source are submitted at a time; of blocks
// four times as many.
const maxInFlight = 64

// send submits a share, or queues it if too many are in flight.
func (m *Miner) send(u *upstream, s Share, block bool) {
	limit := maxInFlight
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
	case u.inFlight < limit:
		u.inFlight++
		m.tasks.Go(func() { m.submit(u, q) })
	case u.waiting.add(q):
	default:
		m.answer(u, s, &Rejection{Cause: Lost, Text: "too many shares wait for the source"})
	}
}

// submit submits a share, and then those that wait.
func (m *Miner) submit(u *upstream, q queued) {
	for ok := true; ok; {
		m.mu.Lock()
		ctx, stale, connected := u.ctx, q.generation != u.generation, u.connected
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
		if !stale && connected && !errors.Is(err, ErrLost) && !errors.Is(err, ErrNotWanted) && ctx.Err() == nil {
			u.latency.add(took)
		}
		m.answer(u, q.Share, err)
		q, ok = u.waiting.next()
		if !ok {
			u.inFlight--
		}
		m.mu.Unlock()
	}
}

// errLate is the answer to a share that waited too long.
var errLate = &Rejection{Cause: Stale, Text: "its work was out of date before it could be sent"}

// answerWaiting answers all shares that wait.
func (m *Miner) answerWaiting(u *upstream, err error) {
	for q, ok := u.waiting.next(); ok; q, ok = u.waiting.next() {
		m.answer(u, q.Share, err)
	}
}

// answer counts a share that was pending as accepted, rejected or lost.
func (m *Miner) answer(u *upstream, s Share, err error) {
	for _, t := range m.tallies(u) {
		t.Pending--
	}
	var rejection *Rejection
	switch {
	case err == nil:
		m.accept(u, s)
		return
	case errors.Is(err, ErrNotWanted):
		return
	case errors.As(err, &rejection):
	default: // ErrLost, the end of a context, a connection
		rejection = &Rejection{Cause: Lost, Text: err.Error()}
		if errors.Is(err, ErrLost) && !u.connected && s.Work == u.work {
			u.undeliverable = s.Work
			m.reselect()
		}
	}
	m.reject(u, s, rejection)
}

func (m *Miner) accept(u *upstream, s Share) {
	now := time.Now()
	u.rejections.reset()
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
	if m.OnShare != nil {
		level = slog.LevelDebug
		m.OnShare(newAnswer(u, s, now, m.total.Accepted))
	}
	if m.QuietShares {
		return
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
	if m.running == nil || m.running.Err() == nil { // not while the miner stops
		switch {
		case m.OnShare != nil:
			a := newAnswer(u, s, now, m.total.notAccepted())
			a.Cause, a.Reason = cause, words
			m.OnShare(a)
		case !m.QuietShares:
			level = slog.LevelWarn
		}
	}
	event := "share rejected"
	if cause == Lost {
		event = "share lost"
	}
	m.Log.Log(context.Background(), level, event, "source", u.name, "cause", string(cause), "code", r.Code,
		"reason", words, "job", s.Work.ID, "hash", s.Hash, "device", s.Device, "age", now.Sub(s.Found).Round(time.Millisecond))
	if !r.Raised && u.rejections.add(cause, now, m.times) {
		m.Log.Error("source suspended, all shares rejected", "source", u.name, "cause", string(cause), "reason", words,
			"for", u.rejections.pause)
		m.reselect()
	}
}

// tallies returns the counts that a share of a source goes to.
func (m *Miner) tallies(u *upstream) [2]*tally { return [2]*tally{&u.tally, &m.total} }
