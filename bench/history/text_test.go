package history

import (
	"fmt"
	"strings"
	"testing"

	"stele/bench"
)

// A table has each case with a plot, and the changes below the marks.
func TestWriteText(t *testing.T) {
	var b strings.Builder
	if err := WriteText(&b, changing(t, 6)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"some CPU (", "): 6 runs, 2026-01-02 to 2026-01-07\n",
		"\nsearch/cpu/1  ", "?", // the first of two runs of the new program is disturbed
		"\na  2026-01-06 02:00:00  program: v1, then v2 <script>\na  2026-01-06 02:00:00  kernel of search/cpu/2: avx2, then sha\"ni\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("lacks %q:\n%s", want, b.String())
		}
	}
	for _, line := range strings.Split(b.String(), "\n") {
		if len([]rune(line)) >= 100 {
			t.Errorf("%d columns: %s", len([]rune(line)), line)
		}
	}
	b.Reset()
	if err := WriteText(&b, Only(changing(t, 6), "search/cpu/avx2/2")); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(b.String(), " avx2 "); got != 4 || strings.Contains(b.String(), "search/cpu/1 ") {
		t.Errorf("one case has %d runs in\n%s", got, b.String())
	}
	if got := Only(changing(t, 6), "search/cpu/9"); len(got) != 0 {
		t.Errorf("no such case: %+v", got)
	}
}

// The plot shows a step, not noise; marks stand below the runs that they concern.
func TestPlot(t *testing.T) {
	series := func(rates ...float64) (s Series) {
		for _, r := range rates {
			s.Points = append(s.Points, Point{Rate: r, Reliable: r > 0})
		}
		return s
	}
	var long []float64
	for i := range 400 {
		long = append(long, 100+float64(i/200)*10)
	}
	for _, tt := range []struct {
		series Series
		want   string
	}{
		{series(100), "▅"},
		{series(100, 90, 100, 80), "█▅█▁"},
		{series(100, 100.1, 99.9), "▅▅▄"},
		{series(100, 0, 90), "█?▁"},
		{series(0, 0), "??"},
		{series(long...), strings.Repeat("▁", columns/2) + strings.Repeat("█", columns/2)},
	} {
		if got, marks := tt.series.plot(nil); got != tt.want || strings.TrimSpace(marks) != "" {
			t.Errorf("%d points: %q, want %q; marks %q", len(tt.series.Points), got, tt.want, marks)
		}
	}
}

// The decision is stated first, in words.
func TestRegressionText(t *testing.T) {
	m := newMachine(7)
	earlier := m.runs(12)
	newest := m.run(map[int]float64{1: 0.8})
	newest.Environment.Version = "v2"
	for j := range newest.Cases[3].Samples {
		newest.Cases[3].Samples[j].Probe = 0.5
	}
	r := Regress(newest, earlier, usual)
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("slower: search/cpu/1 by %.1f %%\nnewest: %s\nbaseline: 12 earlier runs of some CPU (", (1-r.Cases[0].Factor)*100, newest.Name),
		"ratio  slower\n", "cannot tell\n", "search/cuda:0: the newest run was disturbed: [disturbed few-quiet]\n",
		"changed since the run before: program: v1, then v2\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("lacks %q:\n%s", want, b.String())
		}
	}
	if got := (&Regression{Verdict: bench.CannotTell, Reason: "why"}).Answer(); got != "cannot tell: why" {
		t.Errorf("%q", got)
	}
}
