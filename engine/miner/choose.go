package miner

import (
	"fmt"
	"slices"
	"time"
)

// decide chooses the sources that shall have a session, the one whose work is
// mined, and the work. It is called whenever something of that may change.
func (m *Miner) decide() {
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

// chooseActive takes the best source that gives work.
func (m *Miner) chooseActive(now time.Time) {
	if m.running == nil || m.running.Err() != nil {
		return
	}
	a := m.active
	if a != nil && a.connected && a.gone && slices.ContainsFunc(m.sources, func(u *upstream) bool { return u.name == a.name && !u.tried && !u.connected }) {
		return // the one with other settings is on its way
	}
	u := m.best(now)
	if u == nil || u == a {
		return
	}
	if a != nil {
		m.Log.Info("going over to another source", "source", u.name, "from", a.name)
	}
	m.active = u
}

// best returns the source to mine for, nil if none gives work. One that has
// broken before has to stand for a while first, and one that refuses all shares
// comes after the others.
func (m *Miner) best(now time.Time) *upstream {
	a := m.active
	stands := a != nil && a.connected && !a.gone && !a.refusals.aside(now)
	for _, u := range m.sources {
		switch {
		case !u.connected || u.refusals.aside(now):
		case u != a && stands && u.broke && now.Sub(u.since) < m.times.settle:
		default:
			return u
		}
	}
	if i := slices.IndexFunc(m.sources, func(u *upstream) bool { return u.connected }); i >= 0 {
		return m.sources[i]
	}
	return nil
}

// chooseSessions wants a session of the best two sources that give work, or try
// for the first time, and of all before those; and of every source that has
// something to deliver.
func (m *Miner) chooseSessions() {
	if m.running == nil {
		return
	}
	good := 0
	for _, u := range m.sources {
		want := good < 2 || u == m.active || u.pending() > 0
		if u.connected || !u.tried {
			good++
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

// work returns what is to be mined: the newest work of the active source. When
// its session is broken and no other gives work, it is mined as long as its
// shares could count.
func (m *Miner) work(now time.Time) *Work {
	u := m.active
	if u == nil || u.work == nil {
		return nil
	}
	if !u.connected && (now.Sub(u.since) > m.times.keepWork || u.worthless == u.work || u.work.expired(now)) {
		return nil
	}
	return u.work
}

// expired reports whether no header can have the time of now any more.
func (w *Work) expired(now time.Time) bool {
	return w.MaxTime != 0 && uint64(w.Time)+uint64(max(now.Sub(w.Received), 0)/time.Second) > uint64(w.MaxTime)
}

// checkSources ends the miner if no source will ever do.
func (m *Miner) checkSources() {
	if m.running == nil || m.broken != nil {
		return
	}
	switch {
	case len(m.sources) == 0:
		m.broken = fmt.Errorf("%w: the list is empty", ErrNoSource)
	case !m.everWork && !slices.ContainsFunc(m.sources, func(u *upstream) bool { return !u.fatal }):
		m.broken = fmt.Errorf("%w: %s", ErrNoSource, m.why())
	default:
		return
	}
	m.changed.Wake()
}
