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

// upstream is a source as the miner sees it. Miner.mu guards it.
type upstream struct {
	source    Source
	name      string
	ctx       context.Context // of its goroutine and its shares; nil before it is started
	cancel    context.CancelFunc
	removed   bool // from the list of sources
	removedAt time.Time

	wanted wake.Signal // set when a session is wanted
	want   bool

	session   *session  // nil: none
	connected bool      // the session has sent work
	since     time.Time // the last change of connected
	tried     bool      // a session has ended
	broke     bool      // the last session ended by itself
	fatal     bool
	failures  int // short sessions in a row
	err       string
	logged    string // the err that was logged since the source last had work

	work          *Work     // the newest
	workedAt      time.Time // when that came
	undeliverable *Work     // shares of this work cannot be delivered
	generation    uint64    // counts Clean
	roller        roller

	*counts
	waiting  queue
	inFlight int

	rejections rejections
	solved     *bounded.Set[pow.Hash] // parents of the last blocks
}

// maxSolved is for how many parents a source's blocks are remembered.
const maxSolved = 16

// counts are the counters of a source. A replacement of the source continues them.
type counts struct {
	tally    tally
	latency  latencies
	sessions uint64
	jobs     uint64
}

// pending returns the number of shares that are not answered.
func (u *upstream) pending() int { return u.inFlight + u.waiting.len() }

// SetSources replaces the list of sources, which must be comparable, as pointers
// are. A source that was in the list before stays as it is, with its session and
// its shares. Another one of the same name replaces it, and continues its counts.
//
// A source that is no longer in the list keeps its session until its shares are
// answered and there is other work, but for ten seconds at most. Safe for
// concurrent use.
func (m *Miner) SetSources(list []Source) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.sources
	m.sources = nil
	for _, s := range list {
		name := s.Name()
		named := func(u *upstream) bool { return u.name == name }
		if slices.ContainsFunc(m.sources, named) {
			m.Log.Warn("duplicate source ignored", "source", name)
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
			m.Log.Info("source settings changed", "source", name)
		}
		m.startSource(u)
		m.sources = append(m.sources, u)
	}
	for _, u := range before {
		if !slices.Contains(m.sources, u) {
			u.removed, u.removedAt = true, time.Now()
			m.leaving = append(m.leaving, u)
		}
	}
	m.reselect()
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

// reapLeaving ends removed sources that are no longer needed, or that take too
// long. Each stays for at least a second: hits for its work may still come.
func (m *Miner) reapLeaving(now time.Time) {
	m.leaving = slices.DeleteFunc(m.leaving, func(u *upstream) bool {
		age := now.Sub(u.removedAt)
		if age < time.Second || age < m.times.leave && (u.pending() > 0 || u == m.active) {
			return false
		}
		if m.active == u {
			m.active = nil
		}
		if u.cancel != nil {
			u.cancel()
		}
		m.answerWaiting(u, ErrLost)
		return true
	})
}

// startSource starts the goroutine of a source if the miner runs.
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
		noWork := time.AfterFunc(m.times.firstWork, s.endIfIdle)
		err := u.source.Run(s.ctx, s)
		noWork.Stop()
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

// maxReason bounds the error of a source that is shown, in bytes. Sources bound
// the parts of it that come from outside.
const maxReason = 2 * text.Max

var (
	errNoWork   = errors.New("no work in time")
	errOldWork  = errors.New("no new work for too long")
	errUnwanted = errors.New("not needed now")
)

// session implements Session.
type session struct {
	m      *Miner
	u      *upstream
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// newSession returns a session, nil if none is wanted.
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

// endIfIdle ends a session that has sent no work.
func (s *session) endIfIdle() {
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
		if w != nil {
			s.m.Log.Info("source connected", "source", u.name, "difficulty", w.Target.Difficulty(), "version_mask", fmt.Sprintf("%08x", w.VersionMask))
		} else {
			s.m.Log.Info("source connected", "source", u.name)
		}
	}
	if w == nil {
		u.work, u.workedAt = nil, now
		s.m.reselect()
		return
	}
	if w.Clean {
		u.generation++
		s.m.answerWaiting(u, errLate)
	}
	u.jobs++
	u.work, u.workedAt, u.undeliverable = w, now, nil
	s.m.Log.Debug("new work", "source", u.name, "job", w.ID, w.height(), "clean", w.Clean)
	s.m.reselect()
}

// sessionEnded records why a session ended, and returns how long to wait before
// the next one.
func (m *Miner) sessionEnded(u *upstream, err error) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	worked, stable := u.connected, u.connected && time.Since(u.since) >= m.times.settle
	u.session, u.connected, u.tried = nil, false, true
	if worked {
		u.since = time.Now()
	}
	if u.ctx.Err() != nil || errors.Is(err, errUnwanted) {
		u.err, u.broke = "", false
		m.reselect()
		return 0
	}
	if err == nil {
		err = errors.New("the session ended")
	}
	// A source that has had work is retried as after any other error: the rejection
	// may be trouble of the moment, or somebody else's doing.
	u.broke, u.fatal, u.err = true, errors.Is(err, ErrFatal) && u.workedAt.IsZero(), text.Clean(err.Error(), maxReason)
	if u.failures++; stable {
		u.failures = 0
	}
	wait := m.times.fatal
	if !u.fatal {
		wait = m.times.backOff << min(u.failures, 16)
		wait = min(wait, m.times.maxBackOff)
		wait = wait/2 + rand.N(wait/2) // so that a pool's miners do not all reconnect at once
	}
	level := slog.LevelWarn
	if u.err == u.logged {
		level = slog.LevelDebug
	}
	u.logged = u.err
	event := "source connection failed"
	if worked {
		event = "source disconnected"
	}
	m.Log.Log(context.Background(), level, event, "source", u.name, "err", u.err, "retry_in", wait.Round(time.Millisecond))
	m.reselect()
	return wait
}

// expireIdleSessions ends the sessions that have sent no new work for long. A pool
// sends some every minute; one that does not may have lost its node, and nobody
// would notice.
func (m *Miner) expireIdleSessions(now time.Time) {
	for _, u := range m.sources {
		if u.connected && now.Sub(u.workedAt) > m.times.nextWork {
			u.session.cancel(errOldWork)
		}
	}
}

// sourceErrors says in one line why no source has work.
func (m *Miner) sourceErrors() string {
	var all []string
	for _, u := range m.sources {
		reason := u.err
		switch {
		case reason != "":
		case u.connected:
			reason = "nothing to mine for now"
		default:
			reason = "connecting"
		}
		all = append(all, fmt.Sprintf("%s: %s", u.name, reason))
	}
	return strings.Join(all, "; ")
}
