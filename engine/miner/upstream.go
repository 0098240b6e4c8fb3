package miner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"stele/engine/pow"
	"stele/internal/bounded"
	"stele/internal/rate"
	"stele/internal/text"
	"stele/internal/wake"
)

// upstream is a source, and how it does. Miner.mu guards it.
type upstream struct {
	source Source
	name   string
	ctx    context.Context // of its goroutine and its shares; nil: not started
	cancel context.CancelFunc
	gone   bool      // it is no source of the list any more
	left   time.Time // when that was

	wanted wake.Signal // set when a session is wanted
	want   bool

	session   *session  // nil: none
	connected bool      // the session has given work
	since     time.Time // of connected
	tried     bool      // a session has ended
	broke     bool      // the session before ended by itself
	fatal     bool
	failures  int // sessions in a row that did not stand for a while
	err       string
	logged    string // err that has its line in the log since the source last gave work

	work       *Work     // the newest
	worked     time.Time // when that came
	worthless  *Work     // whose shares cannot be delivered
	generation uint64    // counts Clean
	roller     roller

	*counts
	waiting  queue
	underWay int

	refusals refusals
	solved   *bounded.Set[pow.Hash] // parents of the last blocks
}

// maxSolved is for how many parents a source's blocks are remembered.
const maxSolved = 16

// counts are what is counted of a source. They go on in one that replaces it.
type counts struct {
	tally    tally
	latency  latencies
	sessions uint64
	jobs     uint64
}

// pending is how many shares are not answered.
func (u *upstream) pending() int { return u.underWay + u.waiting.len() }

// SetSources gives the miner another list of sources, which must be comparable,
// as pointers are. A source that was there before goes on as it is, with its
// session and its shares. Another one of the same name replaces it, and goes on
// with its counts.
//
// One that is not there any more keeps its session until its shares are answered
// and there is other work, for ten seconds at most.
func (m *Miner) SetSources(list []Source) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.sources
	m.sources = nil
	for _, s := range list {
		name := s.Name()
		named := func(u *upstream) bool { return u.name == name }
		if slices.ContainsFunc(m.sources, named) {
			m.Log.Warn("a source is there twice", "source", name)
			continue
		}
		i := slices.IndexFunc(before, named)
		if i >= 0 && before[i].source == s {
			m.sources = append(m.sources, before[i])
			continue
		}
		u := m.newUpstream(s)
		if i >= 0 {
			u.counts = before[i].counts
			m.Log.Info("a source has other settings", "source", name)
		}
		m.startSource(u)
		m.sources = append(m.sources, u)
	}
	for _, u := range before {
		if !slices.Contains(m.sources, u) {
			u.gone, u.left = true, time.Now()
			m.leaving = append(m.leaving, u)
		}
	}
	m.decide()
}

func (m *Miner) newUpstream(s Source) *upstream {
	u := &upstream{
		source: s, name: s.Name(), since: time.Now(), wanted: wake.New(),
		solved: bounded.NewSet[pow.Hash](maxSolved),
		counts: &counts{tally: newTally()},
	}
	u.roller.remember = func(root pow.Hash, w *Work, extranonce uint64) {
		m.hits.origins.Put(root, &origin{u, u.generation, w, extranonce})
	}
	return u
}

// dismiss ends the sources that were taken away and are not needed any more, or
// are too slow. For a second they may be: hits for their work may still come.
func (m *Miner) dismiss(now time.Time) {
	m.leaving = slices.DeleteFunc(m.leaving, func(u *upstream) bool {
		age := now.Sub(u.left)
		if age < time.Second || age < m.times.leave && (u.pending() > 0 || u == m.active) {
			return false
		}
		if m.active == u {
			m.active = nil
		}
		if u.cancel != nil {
			u.cancel()
		}
		m.giveUp(u, ErrLost)
		return true
	})
}

// startSource starts the goroutine of a source, if the miner runs.
func (m *Miner) startSource(u *upstream) {
	if m.running == nil || m.running.Err() != nil || u.ctx != nil {
		return
	}
	u.ctx, u.cancel = context.WithCancel(m.running)
	ctx := u.ctx
	m.tasks.Go(func() { m.serve(ctx, u) })
}

// serve keeps a session of a source while one is wanted.
func (m *Miner) serve(ctx context.Context, u *upstream) {
	for ctx.Err() == nil {
		s := m.newSession(ctx, u)
		if s == nil {
			select {
			case <-u.wanted:
			case <-ctx.Done():
			}
			continue
		}
		late := time.AfterFunc(m.times.firstWork, s.late)
		err := u.source.Run(s.ctx, s)
		late.Stop()
		if cause := context.Cause(s.ctx); cause != nil && ctx.Err() == nil {
			err = cause
		}
		s.cancel(nil)
		wait := m.sessionEnded(u, err)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// maxReason bounds what is shown of why a source gives no work, in bytes. Sources
// bound the parts that are not their own.
const maxReason = 2 * text.Max

var (
	errNoWork   = errors.New("it gave no work in time")
	errOldWork  = errors.New("it has given no new work for long")
	errUnwanted = errors.New("it is not needed now")
)

// session implements Session.
type session struct {
	m      *Miner
	u      *upstream
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// newSession returns nil if none is wanted.
func (m *Miner) newSession(ctx context.Context, u *upstream) *session {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !u.want {
		return nil
	}
	s := &session{m: m, u: u}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	u.session = s
	return s
}

// late ends a session that has given no work.
func (s *session) late() {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if s.u.session == s && !s.u.connected {
		s.cancel(errNoWork)
	}
}

// HashRate implements Session.
func (s *session) HashRate() float64 {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	return rate.PerSecond(s.m.counted.Over(time.Now(), time.Minute))
}

// Work implements Session.
func (s *session) Work(w *Work) {
	now := time.Now()
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	u := s.u
	if u.session != s {
		return // it has ended
	}
	if !u.connected {
		u.connected, u.since, u.err, u.logged, u.fatal = true, now, "", "", false
		u.sessions++
		s.m.everWork = true
		s.m.Log.Info("source gives work", "source", u.name)
	}
	if w.Clean {
		u.generation++
		s.m.giveUp(u, errLate)
	}
	u.jobs++
	u.work, u.worked, u.worthless = w, now, nil
	s.m.Log.Debug("new work", "source", u.name, "job", w.ID, w.height(), "clean", w.Clean)
	s.m.decide()
}

// sessionEnded notes why, and returns how long to wait before the next.
func (m *Miner) sessionEnded(u *upstream, err error) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	worked, stood := u.connected, u.connected && time.Since(u.since) >= m.times.settle
	u.session, u.connected, u.tried = nil, false, true
	if worked {
		u.since = time.Now()
	}
	if u.ctx.Err() != nil || errors.Is(err, errUnwanted) {
		u.err, u.broke = "", false
		m.decide()
		return 0
	}
	if err == nil {
		err = errors.New("the session ended")
	}
	// What has given work is tried again as after any other error: its refusal may
	// be trouble of the moment, or somebody else's doing.
	u.broke, u.fatal, u.err = true, errors.Is(err, ErrFatal) && u.worked.IsZero(), text.Clean(err.Error(), maxReason)
	if u.failures++; stood {
		u.failures = 0
	}
	wait := m.times.fatal
	if !u.fatal {
		wait = m.times.backOff << min(u.failures, 16)
		wait = min(wait, m.times.longest)
		wait = wait/2 + rand.N(wait/2) // so that a pool's miners do not all come at once
	}
	level := slog.LevelWarn
	if u.err == u.logged {
		level = slog.LevelDebug
	}
	u.logged = u.err
	m.Log.Log(context.Background(), level, "source gives no work", "source", u.name, "error", u.err, "next_try_in", wait.Round(time.Millisecond))
	m.decide()
	return wait
}

// renew ends the sessions that have given no new work for long. A pool gives some
// every minute; one that does not may have lost its node, and nobody would notice.
func (m *Miner) renew(now time.Time) {
	for _, u := range m.sources {
		if u.connected && now.Sub(u.worked) > m.times.nextWork {
			u.session.cancel(errOldWork)
		}
	}
}

// why tells in one line why no source gives work.
func (m *Miner) why() string {
	var all []string
	for _, u := range m.sources {
		why := u.err
		if why == "" {
			why = "connecting"
		}
		all = append(all, fmt.Sprintf("%s: %s", u.name, why))
	}
	return strings.Join(all, "; ")
}
