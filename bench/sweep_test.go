package bench

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// sweepPoint is a point with 30 samples of a rate and a power.
func sweepPoint(threads int, rate, watts float64) SweepPoint {
	p := SweepPoint{Spec: Spec{Search, "cpu", "avx2", threads}}
	for range 30 {
		p.Samples = append(p.Samples, Sample{Items: uint64(rate / 20), Seconds: 0.05, Probe: 1, Joules: watts / 20})
	}
	return p
}

// sweepResult is a true result of a sweep.
func sweepResult(t testing.TB) *Result {
	t.Helper()
	found, err := NewWalk(tableScan(smallest())).Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := &Result{
		Schema: Schema, Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Settings: Settings{Mode: "search", Duration: 5},
		Cases: []CaseResult{}, Failed: []Failure{{"search/cuda:0/sha256d at 90 W", "out of range"}}, Proofs: []Proof{},
	}
	r.AddPoint(sweepPoint(1, 16e6, 50), found)
	r.AddPoint(sweepPoint(2, 31e6, 60), found)
	r.AddPoint(sweepPoint(4, 31e6, 90), found)
	r.AddPoint(sweepPoint(8, 40e6, 0), found)
	return r
}

func TestSweep(t *testing.T) {
	r := sweepResult(t)
	for i, want := range []bool{true, true, false, false} {
		if r.Sweep[i].Pareto != want {
			t.Errorf("%s: on the front %v, want %v", r.Sweep[i].Setting(), r.Sweep[i].Pareto, want)
		}
	}
	got, err := Parse(strings.NewReader(text(t, r)))
	if err != nil || !reflect.DeepEqual(got.Sweep, r.Sweep) {
		t.Fatalf("written and read: %v", err)
	}
	report, err := Check(t.Context(), got, Rescan{Ranges: 1, Size: 16})
	if err != nil || !report.Good() || report.Confirmed[0] != "the figures of 4 settings follow from their samples" {
		t.Errorf("check: %+v, %v", report, err)
	}
	for where, alter := range map[string]func(*SweepPoint){
		"sweep[1].watts":           func(p *SweepPoint) { p.Watts /= 2 },
		"sweep[1].items_per_joule": func(p *SweepPoint) { p.PerJoule *= 2 },
		"sweep[1].pareto":          func(p *SweepPoint) { p.Pareto = false },
		"sweep[1].rate.median":     func(p *SweepPoint) { p.Rate.Median *= 2 },
		"sweep[1].proof":           func(p *SweepPoint) { p.Proof = nil },
	} {
		r := sweepResult(t)
		alter(&r.Sweep[1])
		if report, err := Check(t.Context(), r, Rescan{}); err != nil || len(report.Problems) == 0 || report.Problems[0].Where != where {
			t.Errorf("%s altered: %+v, %v", where, report.Problems, err)
		}
	}
}

// A point from which nothing can be computed is not read.
func TestSweepImplausible(t *testing.T) {
	for want, alter := range map[string]func(*Result){
		"must be a search":             func(r *Result) { r.Sweep[0].Mode = Verify },
		"threads -1":                   func(r *Result) { r.Sweep[0].Threads = -1 },
		"power_limit_w -5":             func(r *Result) { r.Sweep[0].PowerLimit = -5 },
		"setting of an earlier point":  func(r *Result) { r.Sweep[1].Threads = 1 },
		"no samples":                   func(r *Result) { r.Sweep[0].Samples = nil },
		"sweep[0].samples[3].joules -": func(r *Result) { r.Sweep[0].Samples[3].Joules = -1 },
		"0 cases":                      func(r *Result) { r.Sweep = nil },
	} {
		r := sweepResult(t)
		alter(r)
		if _, err := Parse(strings.NewReader(text(t, r))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// A point is on the front exactly if no pair shows that it is beaten.
func TestParetoFront(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var points []SweepPoint
		for range rapid.IntRange(1, 12).Draw(t, "points") {
			p := SweepPoint{Spec: Spec{Device: rapid.SampledFrom([]string{"cpu", "cuda:0"}).Draw(t, "device")}}
			p.Rate.Median = float64(rapid.IntRange(1, 5).Draw(t, "rate"))
			p.Watts = float64(rapid.IntRange(0, 5).Draw(t, "watts"))
			points = append(points, p)
		}
		for i, p := range points {
			isBeaten := p.Watts == 0
			for _, q := range points {
				faster, same := q.Rate.Median > p.Rate.Median, q.Rate.Median == p.Rate.Median
				if q.Device == p.Device && q.Watts > 0 && (faster && q.Watts <= p.Watts || same && q.Watts < p.Watts) {
					isBeaten = true
				}
			}
			if isOnFront(points, i) == isBeaten {
				t.Fatalf("point %d of %v: on the front %v", i, points, !isBeaten)
			}
		}
	})
}

func TestWriteSweep(t *testing.T) {
	r := sweepResult(t)
	r.Environment.SetEnergy([]EnergySource{{"cpu", "RAPL package", ""}})
	var b strings.Builder
	if err := r.WriteSweep(&b, Text, []string{"the answer"}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(b.String(), "the answer\n") {
		t.Errorf("does not begin with the answer:\n%s", b.String())
	}
	var lines []string // with single spaces
	for line := range strings.Lines(b.String()) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	for _, want := range []string{
		"energy: cpu: RAPL package",
		"avx2, 8 threads 40.00 40.00 to 40.00 - - -",
		"avx2, 2 threads 31.00 31.00 to 31.00 60.0 0.5167 1.935e+06 yes",
		"failed: search/cuda:0/sha256d at 90 W: out of range",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("lacks %q:\n%s", want, b.String())
		}
	}
}
