package alert

import (
	"cmp"
	"slices"
)

// machine has the alerts, and decides how they change. It knows no clock and no I/O. Not
// safe for concurrent use.
type machine struct {
	alerts  map[string]*Alert
	dropped uint64 // facts for which there was no room
	dirty   bool   // something has changed since it was cleared
}

func newMachine() *machine { return &machine{alerts: map[string]*Alert{}} }

// round takes what a source reports at a moment: all facts of its kinds that hold, or
// some of them if the report is partial. It returns the alerts that changed their state.
func (m *machine) round(at At, kinds []Kind, report Report) (changed []Alert) {
	holds := map[string]bool{}
	for _, fact := range report.Facts {
		id := IDOf(fact.Kind, fact.Subject)
		if holds[id] || !slices.Contains(kinds, fact.Kind) {
			continue
		}
		holds[id] = true
		if m.hold(id, at, fact) {
			changed = append(changed, m.alerts[id].clone())
		}
	}
	if report.Partial {
		return changed
	}
	for id, a := range m.alerts {
		if holds[id] || a.State == Resolved || !slices.Contains(kinds, a.Kind) {
			continue
		}
		a.State, a.Resolved, m.dirty = Resolved, at, true
		changed = append(changed, a.clone())
	}
	slices.SortFunc(changed, func(a, b Alert) int { return cmp.Compare(a.ID, b.ID) })
	return changed
}

// hold notes that a fact holds, and reports whether its alert opened.
func (m *machine) hold(id string, at At, fact Fact) (opened bool) {
	a := m.alerts[id]
	switch {
	case a == nil:
		if !m.room(fact.Kind) {
			m.dropped++
			return false
		}
		a = &Alert{ID: id, Kind: fact.Kind, Subject: fact.Subject}
		m.alerts[id] = a
		opened = true
	case a.State == Resolved:
		opened = true
	}
	if opened {
		a.State, a.Opened, a.Resolved, a.Acknowledged, a.By = Open, at, At{}, At{}, ""
		a.Openings++
	}
	if opened || a.Text != fact.Text || !slices.Equal(a.Records, fact.Records) {
		a.Text, a.Records, m.dirty = fact.Text, slices.Clone(fact.Records), true
	}
	return opened
}

// room makes room for one alert of a kind: the one that was resolved first goes. If none
// is resolved, the last one of the kind with the most alerts goes, so that nobody can hide
// one kind by many facts of another. It is false if that is the kind itself.
func (m *machine) room(kind Kind) bool {
	if len(m.alerts) < MaxAlerts {
		return true
	}
	var oldest *Alert
	counts := map[Kind]int{}
	for _, a := range m.alerts {
		counts[a.Kind]++
		if a.State == Resolved && (oldest == nil || older(a, oldest)) {
			oldest = a
		}
	}
	if oldest == nil {
		oldest = m.lastOf(slices.MaxFunc(Kinds(), func(a, b Kind) int { return cmp.Compare(counts[a], counts[b]) }))
		if counts[oldest.Kind] <= counts[kind]+1 {
			return false
		}
	}
	delete(m.alerts, oldest.ID)
	m.dirty = true
	return true
}

// lastOf returns the alert of a kind that opened last.
func (m *machine) lastOf(kind Kind) (last *Alert) {
	for _, a := range m.alerts {
		if a.Kind == kind && (last == nil || cmp.Or(cmp.Compare(a.Opened.Height, last.Opened.Height), cmp.Compare(a.ID, last.ID)) > 0) {
			last = a
		}
	}
	return last
}

// older reports whether a was resolved before b.
func older(a, b *Alert) bool {
	if a.Resolved.Height != b.Resolved.Height {
		return a.Resolved.Height < b.Resolved.Height
	}
	return a.ID < b.ID
}

// acknowledge notes that somebody knows of an alert. It reports whether the state
// changed: only that of an open one does. Errors: ErrNotFound, ErrResolved.
func (m *machine) acknowledge(id, by string, at At) (a Alert, changed bool, err error) {
	found := m.alerts[id]
	switch {
	case found == nil:
		return a, false, ErrNotFound
	case found.State == Resolved:
		return found.clone(), false, ErrResolved
	case found.State == Acknowledged:
		return found.clone(), false, nil
	}
	found.State, found.Acknowledged, found.By, m.dirty = Acknowledged, at, by, true
	return found.clone(), true, nil
}

// list returns the alerts in some states: those that opened last first.
func (m *machine) list(states []State) []*Alert {
	var all []*Alert
	for _, a := range m.alerts {
		if slices.Contains(states, a.State) {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b *Alert) int {
		return cmp.Or(cmp.Compare(b.Opened.Height, a.Opened.Height), cmp.Compare(a.ID, b.ID))
	})
	return all
}
