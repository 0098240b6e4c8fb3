package history

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stele/bench"
	"stele/engine"
	"stele/engine/host"
)

// machine makes results of one machine, a run each night.
type machine struct {
	random  *rand.Rand
	between float64 // standard deviation of the speed of a case between runs
	within  float64 // of a slice within a run
	night   int
	specs   []bench.Spec
}

func newMachine(seed uint64) *machine {
	return &machine{random: rand.New(rand.NewPCG(seed, 1)), between: 0.007, within: 0.004, specs: []bench.Spec{
		{Mode: bench.Search, Device: "cpu", Kernel: bench.Reference, Threads: 1},
		{Mode: bench.Search, Device: "cpu", Kernel: "avx2", Threads: 1},
		{Mode: bench.Search, Device: "cpu", Kernel: "avx2", Threads: 2},
		{Mode: bench.Search, Device: "cuda:0", Kernel: "scan_a"},
	}}
}

// run makes the result of a night. Speed has the factors of cases by their index.
func (m *machine) run(speed map[int]float64) bench.Named {
	clock := math.Exp(m.random.NormFloat64() * 0.02) // of the CPU in this run
	var cases []bench.Case
	var samples [][]bench.Sample
	for i, spec := range m.specs {
		factor := math.Exp(m.random.NormFloat64() * m.between)
		if f, changed := speed[i]; changed {
			factor *= f
		}
		if spec.Threads > 0 {
			factor *= clock
		}
		var slices []bench.Sample
		for range 30 {
			seconds := 0.02 * math.Exp(m.random.NormFloat64()*m.within) / factor
			slices = append(slices, bench.Sample{Items: 1e6, Seconds: seconds, Probe: 1, CPU: 1})
		}
		cases, samples = append(cases, bench.Case{Spec: spec}), append(samples, slices)
	}
	m.night++
	started := time.Date(2026, 1, 1, 2, 0, 0, 0, time.UTC).AddDate(0, 0, m.night)
	env := bench.Environment{Version: "v1", Go: "go1.26", OS: "linux", Arch: "amd64", CPU: host.CPU{Brand: "some CPU"}, Threads: 2, Devices: []engine.Info{}}
	r := bench.New(started, env, bench.Settings{Mode: "search", Duration: 10}, cases, bench.Measured{Samples: samples, Failed: make([]error, len(cases)), Timing: bench.Timing{Settled: true}})
	return bench.Named{Name: started.Format(time.DateOnly), Result: r}
}

// runs makes n results in which nothing changes, newest first.
func (m *machine) runs(n int) (all []bench.Named) {
	for range n {
		all = append(all, m.run(nil))
	}
	slices.Reverse(all)
	return all
}

var usual = Options{Confidence: 0.99, Baseline: 20}

// If nothing changes, at most 1 % of the runs are reported. This follows thousands of
// nights of several cases, by the values of the runs.
func TestFalseAlarms(t *testing.T) {
	for _, tt := range []struct{ baseline, cases int }{{5, 1}, {5, 8}, {20, 1}, {20, 8}} {
		const nights, alpha = 20_000, 0.01
		random := rand.New(rand.NewPCG(uint64(tt.baseline), uint64(tt.cases)))
		draw := func() observation { return observation{value: random.NormFloat64()} }
		alarms := 0
		for range nights {
			family := make([]CaseRegression, tt.cases)
			for i := range family {
				var before []observation
				for range tt.baseline {
					before = append(before, draw())
				}
				family[i].test = predict(before, draw())
				family[i].Chance = family[i].test.below()
			}
			correct(family, alpha)
			if slices.ContainsFunc(family, func(k CaseRegression) bool { return k.Verdict == bench.Slower }) {
				alarms++
			}
		}
		// Four standard deviations of the binomial distribution above and below the
		// expected number: the test is neither careless nor blind.
		expected, deviation := nights*alpha, math.Sqrt(nights*alpha*(1-alpha))
		if math.Abs(float64(alarms)-expected) > 4*deviation {
			t.Errorf("%+v: %d alarms in %d nights, want %.0f or so", tt, alarms, nights, expected)
		}
	}
}

// The same with whole results. The ratio to the reference varies by 1 % between runs: 0.7 %
// of each of the two. At most a few nights are reported, and a case that is 5 % slower is
// found, and named.
func TestRegressFinds(t *testing.T) {
	const machines, slow = 60, 2
	alarms, found := 0, 0
	for seed := range uint64(machines) {
		m := newMachine(seed)
		earlier := m.runs(20)
		if Regress(m.run(nil), earlier, usual).Verdict == bench.Slower {
			alarms++
		}
		r := Regress(m.run(map[int]float64{slow: 0.95}), earlier, usual)
		for _, c := range r.Cases {
			if c.Verdict == bench.Slower && c.Case == "search/cpu/2" {
				found++
			}
		}
	}
	// Of 60 nights more than 4 false alarms have a probability below 0.1 %.
	if alarms > 4 {
		t.Errorf("%d false alarms in %d nights", alarms, machines)
	}
	if found < machines*8/10 {
		t.Errorf("a slowdown by 5 %% is found in %d of %d nights", found, machines)
	}
	t.Logf("%d of %d nights are false alarms; 5 %% is found in %d", alarms, machines, found)
}

// A slowdown by 5 % of the value that is tested, at a spread of 1 %, is found in nine of
// ten nights, also with eight cases.
func TestPower(t *testing.T) {
	const nights, cases = 2000, 8
	random := rand.New(rand.NewPCG(3, 4))
	found := 0
	for range nights {
		family := make([]CaseRegression, cases)
		for i := range family {
			var before []observation
			for range 20 {
				before = append(before, observation{value: 0.01 * random.NormFloat64()})
			}
			newest := observation{value: 0.01 * random.NormFloat64()}
			if i == 0 {
				newest.value += math.Log(0.95)
			}
			family[i].test = predict(before, newest)
			family[i].Chance = family[i].test.below()
		}
		if correct(family, 0.01); family[0].Verdict == bench.Slower {
			found++
		}
	}
	if found < nights*9/10 {
		t.Errorf("found in %d of %d nights", found, nights)
	}
}

// What is not a slowdown of a case is not reported as one, and what cannot be judged is.
func TestRegressVerdicts(t *testing.T) {
	disturb := func(r bench.Named, i int) {
		for j := range r.Cases[i].Samples {
			r.Cases[i].Samples[j].Probe = 0.5
		}
	}
	for _, tt := range []struct {
		name   string
		speed  map[int]float64
		alter  func(r bench.Named)
		option func(o *Options)
		want   bench.Verdict
		slower []string
	}{
		{name: "nothing", want: bench.NoClearChange},
		{name: "a kernel", speed: map[int]float64{1: 0.8}, want: bench.Slower, slower: []string{"search/cpu/1"}},
		{name: "a GPU", speed: map[int]float64{3: 0.8}, want: bench.Slower, slower: []string{"search/cuda:0"}},
		{name: "all faster", speed: map[int]float64{1: 1.2, 2: 1.2, 3: 1.2}, want: bench.NoClearChange},
		{name: "the whole CPU", speed: map[int]float64{0: 0.8, 1: 0.8, 2: 0.8}, want: bench.NoClearChange},
		{name: "a faster reference", speed: map[int]float64{0: 1.5}, want: bench.NoClearChange},
		{name: "a slower reference", speed: map[int]float64{0: 0.7}, want: bench.NoClearChange},
		{name: "the reference, if asked", speed: map[int]float64{0: 0.7}, option: func(o *Options) { o.Case = "search/cpu/reference/1" },
			want: bench.Slower, slower: []string{"search/cpu/reference/1"}},
		{name: "another case", speed: map[int]float64{1: 0.8}, option: func(o *Options) { o.Case = "search/cuda:0" }, want: bench.NoClearChange},
		{name: "by its ID", speed: map[int]float64{1: 0.8}, option: func(o *Options) { o.Case = "search/cpu/avx2/1" }, want: bench.Slower, slower: []string{"search/cpu/1"}},
		{name: "no such case", option: func(o *Options) { o.Case = "search/cpu/9" }, want: bench.CannotTell},
		{name: "another kernel is chosen, which is slower", speed: map[int]float64{1: 0.8}, alter: func(r bench.Named) { r.Cases[1].Kernel = "sse2" },
			want: bench.Slower, slower: []string{"search/cpu/1"}},
		{name: "disturbed", alter: func(r bench.Named) { disturb(r, 3) }, want: bench.CannotTell},
		{name: "a case is missing", alter: func(r bench.Named) { r.Cases = r.Cases[:3] }, want: bench.CannotTell},
		{name: "disturbed, and another slower", speed: map[int]float64{1: 0.8}, alter: func(r bench.Named) { disturb(r, 3) },
			want: bench.Slower, slower: []string{"search/cpu/1"}},
		{name: "a disturbed reference", alter: func(r bench.Named) { disturb(r, 0) }, want: bench.NoClearChange},
		{name: "other settings", alter: func(r bench.Named) { r.Settings.Duration = 20 }, want: bench.CannotTell},
		{name: "another machine", alter: func(r bench.Named) { r.Environment.Label = "rig 8" }, want: bench.CannotTell},
		{name: "a new case", alter: func(r bench.Named) {
			k := r.Cases[1]
			k.Threads = 4
			r.Cases = append(r.Cases, k)
		}, want: bench.NoClearChange},
		{name: "another version of Go", alter: func(r bench.Named) { r.Environment.Go = "go1.27" }, want: bench.NoClearChange},
	} {
		m := newMachine(7)
		earlier := m.runs(12)
		newest, o := m.run(tt.speed), usual
		if tt.alter != nil {
			tt.alter(newest)
		}
		if tt.option != nil {
			tt.option(&o)
		}
		r := Regress(newest, earlier, o)
		var slower []string
		for _, c := range r.Cases {
			if c.Verdict == bench.Slower {
				slower = append(slower, c.Case)
			}
		}
		if r.Verdict != tt.want || !slices.Equal(slower, tt.slower) || (r.Verdict == bench.CannotTell) != (r.Reason != "") {
			t.Errorf("%s: %s (%s), slower %q: %+v", tt.name, r.Verdict, r.Reason, slower, r.Cases)
		}
	}
}

// Too few runs do not decide; the baseline has the newest ones; changes are named.
func TestRegressBaseline(t *testing.T) {
	m := newMachine(1)
	earlier := m.runs(MinBaseline - 1)
	r := Regress(m.run(map[int]float64{1: 0.1}), earlier, usual)
	if r.Verdict != bench.CannotTell || !strings.HasPrefix(r.Reason, "4 earlier runs of this machine") {
		t.Errorf("%s: %s", r.Verdict, r.Reason)
	}
	earlier = m.runs(30)
	newest := m.run(nil)
	newest.Environment.Version, newest.Environment.Kernel, newest.Cases[1].Kernel = "v2", "6.6", "sse2"
	r = Regress(newest, earlier, Options{Confidence: 0.99, Baseline: 7})
	if len(r.Baseline) != 7 || r.Baseline[0] != earlier[0].Name || r.Cases[0].Runs != 7 {
		t.Errorf("baseline %q, %+v", r.Baseline, r.Cases[0])
	}
	// A kernel of the system is no change where an older result lacks it.
	want := []bench.Difference{{What: "program", Old: "v1", New: "v2"}, {What: "kernel of search/cpu/1", Old: "avx2", New: "sse2"}}
	if !slices.Equal(r.Changes, want) {
		t.Errorf("changes %+v, want %+v", r.Changes, want)
	}
}

// Whatever the values: a chance is a probability; a lower newest value is not less
// suspicious; and a value that is slower by more than what is detectable is reported.
func TestPrediction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.Float64Range(-2, 2)
		within := rapid.Float64Range(0, 0.1)
		var before []observation
		for range rapid.IntRange(MinBaseline, 30).Draw(t, "runs") {
			before = append(before, observation{value.Draw(t, "value"), within.Draw(t, "within")})
		}
		newest := observation{value.Draw(t, "newest"), within.Draw(t, "its error")}
		p := predict(before, newest)
		chance := p.below()
		if !(chance >= 0 && chance <= 1) {
			t.Fatalf("chance %v", chance)
		}
		newest.value -= rapid.Float64Range(0, 1).Draw(t, "less")
		if lower := predict(before, newest).below(); lower > chance*(1+1e-9) { // but for rounding
			t.Fatalf("a lower value has the chance %v, not %v", lower, chance)
		}
		detectable := p.detectable(0.01)
		newest.value = p.expected + math.Log1p(-detectable) - 1e-9
		if got := predict(before, newest).below(); detectable < 1 && got > 0.01+1e-9 {
			t.Fatalf("a slowdown by %v has the chance %v", detectable, got)
		}
	})
}
