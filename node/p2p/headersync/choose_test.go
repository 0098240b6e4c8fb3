package headersync

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

// Choose returns a ready machine with more work than the node has and at least as
// much as any other, and none while it has to wait.
func TestChoose(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []*Machine
		redownloading, offers := false, 0
		best := pow.Work{rapid.Uint64Range(0, 5).Draw(t, "best")}
		most := best
		for range rapid.IntRange(0, 6).Draw(t, "machines") {
			m := &Machine{
				state:    State(rapid.IntRange(int(Idle), int(Stopped)).Draw(t, "state")),
				isAsking: rapid.IntRange(0, 3).Draw(t, "asking") == 0,
				memory:   memory{work: pow.Work{rapid.Uint64Range(0, 9).Draw(t, "work")}},
			}
			all = append(all, m)
			redownloading = redownloading || m.state == Redownloading
			if m.state == Ready {
				offers++
				if !m.isAsking && m.Work().Cmp(most) > 0 {
					most = m.Work()
				}
			}
		}
		isFirst := rapid.Bool().Draw(t, "first")
		waited := time.Duration(rapid.IntRange(0, 6).Draw(t, "waited")) * time.Second
		mustWait := redownloading || isFirst && offers < 3 && waited < 5*time.Second
		got := Choose(all, best, isFirst, waited)
		switch {
		case mustWait || most == best:
			if got != nil {
				t.Fatalf("chose one with the work %v", got.Work())
			}
		case got == nil || got.state != Ready || got.isAsking || got.Work() != most || !slices.Contains(all, got):
			t.Fatalf("chose %+v, want one with the work %v", got, most)
		}
	})
}

// An honest peer wins against one with more headers and less work, and the next one
// takes over where it stops.
func TestChooseTakeOver(t *testing.T) {
	n := newNode(maxWork)
	short := present(t, n, honest()[:200])
	first, second := present(t, n, honest()), present(t, n, honest())
	all := []*Machine{short, first, second}

	if got := Choose(all, n.best.Work, true, 0); got != first {
		t.Fatalf("chose %v", slices.Index(all, got))
	}
	actions := first.Handle(now0, Redownload{})
	if got := Choose(all, n.best.Work, true, 0); got != nil {
		t.Fatalf("chose %v although one redownloads", slices.Index(all, got))
	}
	for range 3 { // then it falls silent
		for _, a := range actions {
			if ask, ok := a.(Ask); ok {
				actions = first.Handle(now0, Headers{serve(honest(), ask.Locator, small.batch)})
			}
		}
		for _, a := range actions {
			if add, ok := a.(Add); ok {
				n.add(t, add)
			}
		}
	}
	reached := n.best.Height
	end := first.Handle(now0.Add(askTimeout), Tick{})
	if reached == 0 || end[0].(Disconnect).Reason != Stalling {
		t.Fatalf("height %d, %v", reached, end)
	}
	next := Choose(all, n.best.Work, true, 0)
	if next != nil { // two offers are left: it waits
		t.Fatal("a first sync does not wait")
	}
	if next = Choose(all, n.best.Work, false, 0); next != second {
		t.Fatalf("chose %v", slices.Index(all, next))
	}
	if end := fetch(t, n, next, Redownload{}, honest()); end != nil || n.best.Height != chainLength {
		t.Errorf("%+v, height %d", end, n.best.Height)
	}
	if got := Choose(all, n.best.Work, false, 0); got != nil {
		t.Error("chose one that has nothing new")
	}
}
