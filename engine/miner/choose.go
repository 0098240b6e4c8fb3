package miner

import (
	"fmt"
	"slices"
	"time"
)

// reselect picks which sources keep a session, which one is mined, and its
// current work. The caller must hold m.mu, and calls it after any change to a
// source.
func (m *Miner) reselect() {
	now := time.Now()
	m.chooseActive(now)
	m.chooseSessions()
	work := m.work(now)
	if work != m.current {
		m.current, m.since = work, now
		m.changed.Wake()
	}
	m.checkSources()
}

// chooseActive picks the best source that has work.
func (m *Miner) chooseActive(now time.Time) {
	if m.running == nil || m.running.Err() != nil {
		return
	}
	a := m.active
	if a != nil && a.connected && a.removed && slices.ContainsFunc(m.sources, func(u *upstream) bool { return u.name == a.name && !u.tried && !u.connected }) {
		return // its replacement, with other settings, is connecting
	}
	u := m.best(now)
	if u == nil || u == a {
		return
	}
	if a != nil {
		m.Log.Info("switched to another source", "source", u.name, "from", a.name)
	}
	m.active = u
}

// best returns the source to mine, nil if none has work. One that has broken
// before must be connected for a while first, and suspended ones come last.
func (m *Miner) best(now time.Time) *upstream {
	a := m.active
	stable := a != nil && a.connected && !a.removed && !a.rejections.suspended(now)
	for _, u := range m.sources {
		switch {
		case !u.connected || u.work == nil || u.rejections.suspended(now):
		case u != a && stable && u.broke && now.Sub(u.since) < m.times.settle:
		default:
			return u
		}
	}
	if i := slices.IndexFunc(m.sources, func(u *upstream) bool { return u.connected }); i >= 0 {
		return m.sources[i]
	}
	return nil
}

// chooseSessions keeps sessions to the two best live (or never tried) sources and
// to every better one that is down, and to each source that has shares to deliver.
func (m *Miner) chooseSessions() {
	if m.running == nil {
		return
	}
	live := 0
	for _, u := range m.sources {
		want := live < 2 || u == m.active || u.pending() > 0
		if u.connected || !u.tried {
			live++
		}
		switch {
		case want && !u.want:
			u.wanted.Wake()
		case !want && u.want && u.session != nil:
			u.session.cancel(errUnwanted)
		}
		u.want = want
	}
}

// work returns the work to mine: the newest of the active source. If its session
// is broken and no other source has work, that is as long as the shares could
// still count.
func (m *Miner) work(now time.Time) *Work {
	u := m.active
	if u == nil || u.work == nil {
		return nil
	}
	if !u.connected && (now.Sub(u.since) > m.times.keepWork || u.undeliverable == u.work || u.work.expired(now)) {
		return nil
	}
	return u.work
}

// expired reports whether the current time is past what a header may have.
func (w *Work) expired(now time.Time) bool {
	return w.MaxTime != 0 && uint64(w.Time)+uint64(max(now.Sub(w.Received), 0)/time.Second) > uint64(w.MaxTime)
}

// checkSources ends the miner if no source can ever have work.
func (m *Miner) checkSources() {
	if m.running == nil || m.broken != nil {
		return
	}
	switch {
	case len(m.sources) == 0:
		m.broken = fmt.Errorf("%w: the list is empty", ErrNoSource)
	case !m.everWork && !slices.ContainsFunc(m.sources, func(u *upstream) bool { return !u.fatal }):
		m.broken = fmt.Errorf("%w: %s", ErrNoSource, m.sourceErrors())
	default:
		return
	}
	m.changed.Wake()
}
