package alert

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stele/node/ledger/record"
)

// story is what a naive model knows of a fact: when its alert opened, and so on.
type story struct {
	holds, known bool
	openings     uint32
	by           string
}

// at returns the moment of a height.
func at(height uint32) At { return At{height, time.Unix(int64(height)*60, 0).UTC()} }

// Whatever facts come and go, an alert is open or acknowledged exactly while its fact
// holds, and changes are reported once.
func TestMachine(t *testing.T) {
	kinds := []Kind{Default, Recall}
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine()
		model := map[string]*story{}
		for height := range uint32(rapid.IntRange(1, 30).Draw(t, "rounds")) {
			kind := rapid.SampledFrom(kinds).Draw(t, "kind")
			report := Report{Partial: rapid.Bool().Draw(t, "partial")}
			holds := map[string]bool{}
			for _, n := range rapid.SliceOfN(rapid.IntRange(0, 5), 0, 8).Draw(t, "facts") {
				f := Fact{Kind: kind, Subject: fmt.Sprint(n), Text: fmt.Sprint("text ", height), Records: []record.ID{{byte(n)}}}
				report.Facts = append(report.Facts, f)
				holds[IDOf(kind, f.Subject)] = true
			}
			want := map[string]State{}
			for id := range holds {
				s := model[id]
				if s == nil {
					s = &story{}
					model[id] = s
				}
				if !s.holds {
					want[id] = Open
					s.holds, s.known, s.by = true, true, ""
					s.openings++
				}
			}
			for id, s := range model {
				if a := m.alerts[id]; s.holds && !holds[id] && !report.Partial && a.Kind == kind {
					want[id], s.holds = Resolved, false
				}
			}
			got := map[string]State{}
			for _, a := range m.round(at(height), []Kind{kind}, report) {
				got[a.ID] = a.State
			}
			if !maps.Equal(got, want) {
				t.Fatalf("changed %v, want %v", got, want)
			}
			acknowledgeOne(t, m, model, height)
			compareAlerts(t, m, model)
		}
	})
}

// acknowledgeOne acknowledges an alert that may not exist.
func acknowledgeOne(t *rapid.T, m *machine, model map[string]*story, height uint32) {
	id := IDOf(Default, fmt.Sprint(rapid.IntRange(0, 6).Draw(t, "acknowledge")))
	by := fmt.Sprint("by ", height)
	_, changed, err := m.acknowledge(id, by, at(height))
	s := model[id]
	switch {
	case s == nil:
		if err != ErrNotFound {
			t.Fatalf("an alert that does not exist: %v", err)
		}
	case !s.holds:
		if err != ErrResolved {
			t.Fatalf("a resolved alert: %v", err)
		}
	default:
		if err != nil || changed != (s.by == "") {
			t.Fatalf("acknowledged by %q: changed %t, %v", s.by, changed, err)
		}
		if changed {
			s.by = by
		}
	}
}

// compareAlerts compares the alerts with the model, and with those of their file.
func compareAlerts(t *rapid.T, m *machine, model map[string]*story) {
	content, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	read, err := decode(content)
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []*machine{m, read} {
		if len(of.alerts) != len(model) {
			t.Fatalf("%d alerts, want %d", len(of.alerts), len(model))
		}
		for id, s := range model {
			a := of.alerts[id]
			state := Resolved
			if s.holds {
				state = Open
				if s.by != "" {
					state = Acknowledged
				}
			}
			if a.State != state || a.Openings != s.openings || a.By != s.by || (a.Resolved == At{}) == (state == Resolved) {
				t.Fatalf("%+v, want %v and %+v", a, state, s)
			}
		}
	}
	if again, err := read.encode(); err != nil || string(again) != string(content) {
		t.Fatalf("read and written again: %s, want %s (%v)", again, content, err)
	}
}

// The number of alerts is bounded: those that were resolved first go, and a fact without
// room makes none.
func TestRoom(t *testing.T) {
	m := newMachine()
	facts := func(from, to int) (r Report) {
		for i := from; i < to; i++ {
			r.Facts = append(r.Facts, Fact{Kind: Default, Subject: fmt.Sprint(i)})
		}
		return r
	}
	kinds := []Kind{Default}
	m.round(at(1), kinds, facts(0, MaxAlerts+5))
	if len(m.alerts) != MaxAlerts || m.dropped != 5 {
		t.Fatalf("%d alerts, %d dropped", len(m.alerts), m.dropped)
	}
	m.round(at(2), kinds, facts(1, MaxAlerts)) // 0 is over
	m.round(at(3), kinds, facts(2, MaxAlerts)) // 1 too
	m.round(at(4), kinds, facts(2, MaxAlerts+1))
	if m.alerts[IDOf(Default, "0")] != nil || m.alerts[IDOf(Default, "1")] == nil || m.alerts[IDOf(Default, fmt.Sprint(MaxAlerts))] == nil {
		t.Error("the alert that was resolved first did not make room")
	}
	if len(m.alerts) != MaxAlerts {
		t.Errorf("%d alerts", len(m.alerts))
	}
}

// Many facts of one kind leave room for those of others, such as trouble of the node.
func TestRoomForOtherKinds(t *testing.T) {
	m := newMachine()
	facts := func(kind Kind, n int) (r Report) {
		for i := range n {
			r.Facts = append(r.Facts, Fact{Kind: kind, Subject: fmt.Sprint(i)})
		}
		return r
	}
	for height := range uint32(3) { // the flood comes again each round
		m.round(at(height), []Kind{OverdueClaim}, facts(OverdueClaim, MaxAlerts+5))
		m.round(at(height), []Kind{Trouble}, facts(Trouble, 1))
		if a := m.alerts[IDOf(Trouble, "0")]; a == nil || a.State != Open || a.Openings != 1 || len(m.alerts) != MaxAlerts {
			t.Fatalf("round %d: trouble %+v, %d alerts", height, a, len(m.alerts))
		}
	}
	m.round(at(4), []Kind{Recall}, facts(Recall, 2*MaxAlerts))
	counts := map[Kind]int{}
	for _, a := range m.alerts {
		counts[a.Kind]++
	}
	if counts[OverdueClaim] != MaxAlerts/2 || counts[Recall] != MaxAlerts/2-1 || counts[Trouble] != 1 {
		t.Errorf("%v", counts)
	}
}

// The id of an alert is part of the interface: it must not change.
func TestID(t *testing.T) {
	if got := IDOf(Warning, "deep-reorg"); got != "b88e18c53c3162a7" {
		t.Errorf("id %s", got)
	}
	if IDOf("a", "bc") == IDOf("ab", "c") {
		t.Error("two facts have one id")
	}
}

// A list has the alerts that opened last first, by their ids within a height.
func TestListOrder(t *testing.T) {
	m := newMachine()
	for height := range uint32(5) {
		m.round(at(height), []Kind{Default}, Report{Partial: true, Facts: []Fact{{Kind: Default, Subject: fmt.Sprint(2 * height)}, {Kind: Default, Subject: fmt.Sprint(2*height + 1)}}})
	}
	all := m.list(States())
	if len(all) != 10 || !slices.IsSortedFunc(all, func(a, b *Alert) int {
		if a.Opened.Height != b.Opened.Height {
			return int(b.Opened.Height) - int(a.Opened.Height)
		}
		return slices.Compare([]byte(a.ID), []byte(b.ID))
	}) {
		t.Errorf("%d alerts, or not in order", len(all))
	}
}
