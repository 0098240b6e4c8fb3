package history

import (
	"slices"
	"testing"
	"time"

	"stele/bench"
)

// Results are arranged by machine and case, and changes are marked where they happened.
func TestMachines(t *testing.T) {
	m := newMachine(1)
	runs := m.runs(5)
	slices.Reverse(runs)
	for _, r := range runs[3:] {
		r.Environment.Version, r.Environment.Driver = "v2", "560.1"
		r.Cases[1].Kernel = "sse2"
	}
	runs[2].Environment.Driver = "550.9"
	for j := range runs[4].Cases[3].Samples {
		runs[4].Cases[3].Samples[j].Probe = 0.5
	}
	other := m.run(nil)
	other.Environment.Label = "rig 8"
	named := m.run(nil)
	named.Settings.Kernel = "avx2"
	machines := Machines([]bench.Named{runs[3], runs[0], other, runs[4], runs[2], runs[1], named})
	if len(machines) != 2 || machines[0].Runs != 6 || machines[1].Name != "rig 8" || machines[0].Name != "some CPU" {
		t.Fatalf("machines %+v", machines)
	}
	if got := machines[0]; !got.First.Equal(runs[0].Started) || !got.Last.Equal(named.Started) {
		t.Errorf("from %v to %v", got.First, got.Last)
	}
	lengths := map[string]int{}
	for _, s := range machines[0].Series {
		lengths[s.Case] = len(s.Points)
		if !slices.IsSortedFunc(s.Points, func(a, b Point) int { return a.Started.Compare(b.Started) }) || s.Unit != "hashes" {
			t.Errorf("%s: %+v", s.Case, s)
		}
	}
	for name, want := range map[string]int{
		"search/cpu/reference/1": 6, "search/cpu/1": 5, "search/cpu/2": 5, "search/cuda:0": 5,
		"search/cpu/avx2/1": 1, "search/cuda:0/scan_a": 1,
	} {
		if lengths[name] != want {
			t.Errorf("%s has %d points, want %d", name, lengths[name], want)
		}
	}
	type at struct {
		time.Time
		bench.Difference
	}
	var got []at
	for _, c := range machines[0].Changes {
		got = append(got, at{c.Started, c.Difference})
	}
	want := []at{
		{runs[3].Started, bench.Difference{What: "driver", Old: "550.9", New: "560.1"}},
		{runs[3].Started, bench.Difference{What: "program", Old: "v1", New: "v2"}},
		{runs[3].Started, bench.Difference{What: "kernel of search/cpu/1", Old: "avx2", New: "sse2"}},
		{named.Started, bench.Difference{What: "program", Old: "v2", New: "v1"}},
	}
	if !slices.Equal(got, want) {
		t.Errorf("changes %+v", got)
	}
	points := machines[0].Series[3].Points
	if last := points[len(points)-1]; last.Reliable || !slices.Contains(last.Flags, bench.FlagFewQuiet) || !points[0].Reliable {
		t.Errorf("points %+v", points)
	}
	if got := Machines(nil); got == nil || len(got) != 0 {
		t.Errorf("of no results: %v", got)
	}
}
