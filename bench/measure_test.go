package bench

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// fakeClock is moved by the fake workloads only.
type fakeClock struct {
	now, processor time.Duration
	noCPU          bool
	probes         int
	probe          func(n, threads int) time.Duration // of the n-th probe
}

func (c *fakeClock) Now() time.Duration         { return c.now }
func (c *fakeClock) Resolution() time.Duration  { return time.Nanosecond }
func (c *fakeClock) CPU() (time.Duration, bool) { return c.processor, !c.noCPU }

func (c *fakeClock) Probe(threads int) time.Duration {
	c.probes++
	if c.probe != nil {
		return c.probe(c.probes, threads)
	}
	return 50 * time.Microsecond
}

// fakeWork takes a time of the fake clock for every item.
type fakeWork struct {
	clock    *fakeClock
	per      func(call int) time.Duration // time of an item in the n-th call
	threads  int
	idle     func(call int) float64 // part of the processor time it does not get
	fail     func(call int) error
	calls    int
	items    uint64
	expected uint64
	begun    int // the call before which Begin came
	log      *[]string
	name     string
}

func (w *fakeWork) Begin(expected uint64) { w.expected, w.begun = expected, w.calls }

func (w *fakeWork) Run(_ context.Context, items uint64) error {
	w.calls++
	w.items += items
	if w.log != nil {
		*w.log = append(*w.log, w.name)
	}
	took := w.per(w.calls) * time.Duration(items)
	w.clock.now += took
	used := 1.0
	if w.idle != nil {
		used -= w.idle(w.calls)
	}
	w.clock.processor += time.Duration(float64(took) * used * float64(max(w.threads, 1)))
	if w.fail != nil {
		return w.fail(w.calls)
	}
	return nil
}

func always(d time.Duration) func(int) time.Duration { return func(int) time.Duration { return d } }

func fakeCase(kernel string, threads int, w *fakeWork) Case {
	w.threads = threads
	return Case{Spec: Spec{Search, "cpu", kernel, threads}, Work: w}
}

func TestMeasure(t *testing.T) {
	clock := &fakeClock{}
	var log []string
	fast := &fakeWork{clock: clock, per: always(10 * time.Nanosecond), log: &log, name: "fast"}
	slow := &fakeWork{clock: clock, per: always(time.Microsecond), log: &log, name: "slow"}
	cases := []Case{fakeCase("fast", 1, fast), fakeCase("slow", 2, slow)}
	last := 0.0
	measured, err := Measure(t.Context(), cases, Plan{Duration: 10 * time.Second}, clock, func(done float64) {
		if done < last || done > 1 {
			t.Errorf("progress went from %v to %v", last, done)
		}
		last = done
	})
	if err != nil {
		t.Fatal(err)
	}
	if last != 1 {
		t.Errorf("progress ended at %v", last)
	}
	if !measured.Timing.Settled || measured.Timing.WarmUpRounds != 2*warmUpWindow {
		t.Errorf("steady rates, but the warm-up was %+v", measured.Timing)
	}
	if measured.Timing.SliceSeconds != 0.05 {
		t.Errorf("slices of %v s, want the longest, 0.05", measured.Timing.SliceSeconds)
	}
	if n := measured.Timing.Rounds; n != len(measured.Samples[0]) || n != len(measured.Samples[1]) || n < 90 || n > 100 {
		t.Errorf("%d rounds, %d and %d samples, want as many as fit 10 s", n, len(measured.Samples[0]), len(measured.Samples[1]))
	}
	if clock.now < 10*time.Second || clock.now > 10200*time.Millisecond {
		t.Errorf("took %v, want 10 s and at most a round more", clock.now)
	}
	for i, want := range []float64{1e8, 1e6} {
		for _, s := range measured.Samples[i] {
			if math.Abs(s.Rate()/want-1) > 1e-9 || s.Seconds < 0.049 || s.Seconds > 0.051 || s.Probe != 1 || s.CPU != 1 {
				t.Fatalf("%s: sample %+v, want rate %v in slices of 50 ms", cases[i].ID(), s, want)
			}
		}
	}
	for _, w := range []*fakeWork{fast, slow} {
		if ratio := float64(w.expected) / float64(w.items); ratio < 0.7 || ratio > 1.3 || w.begun == 0 {
			t.Errorf("expected %d items at call %d, it was %d", w.expected, w.begun, w.items)
		}
	}

	// Interleaved: in every round each case once, and not always in one order.
	rounds := log[len(log)-2*measured.Timing.Rounds:]
	orders := map[string]int{}
	for i := 0; i < len(rounds); i += 2 {
		orders[rounds[i]+rounds[i+1]]++
	}
	if orders["fastslow"] < measured.Timing.Rounds/4 || orders["slowfast"] < measured.Timing.Rounds/4 || orders["fastslow"]+orders["slowfast"] != measured.Timing.Rounds {
		t.Errorf("orders of the rounds: %v", orders)
	}
}

// preparedWork is a fakeWork that takes a second to prepare.
type preparedWork struct {
	fakeWork
	prepared uint64
	t        *testing.T
	err      error
}

func (w *preparedWork) Prepare(_ context.Context, items uint64) error {
	w.prepared = items
	w.clock.now += time.Second
	return w.err
}

func (w *preparedWork) Run(ctx context.Context, items uint64) error {
	if items != w.prepared {
		w.t.Errorf("%d items after a preparation for %d", items, w.prepared)
	}
	w.prepared = 0
	return w.fakeWork.Run(ctx, items)
}

// A slice has whole steps, next to its duration and at least one, and what is prepared
// before it takes none of its time.
func TestMeasureSteps(t *testing.T) {
	for per, want := range map[time.Duration]uint64{
		time.Microsecond:      50_000,
		3 * time.Microsecond:  17_000, // of 16,667
		70 * time.Microsecond: 1000,   // which take longer than a slice
	} {
		clock := &fakeClock{}
		w := &preparedWork{fakeWork: fakeWork{clock: clock, per: always(per)}, t: t}
		c := Case{Spec: Spec{BlocksCold, "cpu", "k", 1}, Work: w, Step: 1000}
		measured, err := Measure(t.Context(), []Case{c}, Plan{Duration: 10 * time.Second}, clock, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range measured.Samples[0] {
			if s.Items != want || math.Abs(s.Seconds-float64(want)*per.Seconds()) > 1e-9 {
				t.Fatalf("%v for an item: sample %+v, want %d items", per, s, want)
			}
		}
		w.err = errors.New("no space")
		if _, err := Measure(t.Context(), []Case{c}, Plan{}, clock, nil); !errors.Is(err, w.err) {
			t.Errorf("got %v, want the error of the preparation", err)
		}
	}
}

func TestMeasureAtLeastThirtySamples(t *testing.T) {
	clock := &fakeClock{}
	var cases []Case
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		cases = append(cases, fakeCase(name, 1, &fakeWork{clock: clock, per: always(time.Microsecond)}))
	}
	measured, err := Measure(t.Context(), cases, Plan{Duration: 100 * time.Millisecond}, clock, nil)
	if err != nil {
		t.Fatal(err)
	}
	if measured.Timing.Rounds != 30 || len(measured.Samples[7]) != 30 || measured.Timing.SliceSeconds != minSlice.Seconds() {
		t.Errorf("got %+v, want 30 rounds of the shortest slices", measured.Timing)
	}
	if measured.Timing.Settled || measured.Timing.WarmUpRounds != minWarmUp {
		t.Errorf("got %+v, want the shortest warm-up, which cannot tell whether rates are steady", measured.Timing)
	}
}

func TestWarmUpWaits(t *testing.T) {
	clock := &fakeClock{}
	// The first 20 calls get faster and faster.
	w := &fakeWork{clock: clock, per: func(call int) time.Duration { return time.Duration(1000 + 100*max(0, 20-call)) }}
	measured, err := Measure(t.Context(), []Case{fakeCase("k", 1, w)}, Plan{Duration: 30 * time.Second}, clock, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !measured.Timing.Settled || w.begun+measured.Timing.WarmUpRounds < 20 {
		t.Errorf("the warm-up ended %d calls after the first %d: %+v", measured.Timing.WarmUpRounds, w.begun, measured.Timing)
	}

	clock = &fakeClock{}
	w = &fakeWork{clock: clock, per: func(call int) time.Duration { return time.Duration(1000 + 10*call) }}
	measured, err = Measure(t.Context(), []Case{fakeCase("k", 1, w)}, Plan{Duration: 5 * time.Second}, clock, nil)
	if err != nil {
		t.Fatal(err)
	}
	if w.calls < 30 || measured.Timing.WarmUpSeconds > 1.2 {
		t.Errorf("never steady: %d calls, %+v", w.calls, measured.Timing)
	}
}

// What the calibration got wrong, the warm-up puts right.
func TestSlicesAfterSlowStart(t *testing.T) {
	clock := &fakeClock{}
	w := &fakeWork{clock: clock, per: func(call int) time.Duration {
		if call < 6 { // the calibration and two rounds
			return 4 * time.Microsecond
		}
		return time.Microsecond
	}}
	measured, err := Measure(t.Context(), []Case{fakeCase("k", 1, w)}, Plan{Duration: 10 * time.Second}, clock, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range measured.Samples[0] {
		if s.Seconds < 0.049 || s.Seconds > 0.051 {
			t.Fatalf("a slice of %v s, want 0.05", s.Seconds)
		}
	}
}

func TestMeasureSeesDisturbance(t *testing.T) {
	clock := &fakeClock{probe: func(n, threads int) time.Duration {
		if n%8 == 0 { // in front of every fourth slice, or behind it
			return 60 * time.Microsecond
		}
		return time.Duration(50*threads) * time.Microsecond // more threads, slower probes
	}}
	one := &fakeWork{clock: clock, per: always(time.Microsecond), idle: func(call int) float64 {
		if call%5 == 0 {
			return 0.2
		}
		return 0
	}}
	two := &fakeWork{clock: clock, per: always(time.Microsecond)}
	measured, err := Measure(t.Context(), []Case{fakeCase("one", 1, one), fakeCase("two", 2, two)}, Plan{Duration: 4 * time.Second}, clock, nil)
	if err != nil {
		t.Fatal(err)
	}
	slow, starved := 0, 0
	for _, s := range measured.Samples[0] {
		switch s.Probe {
		case 1:
		case round4(50.0 / 60):
			slow++
			if s.Quiet() {
				t.Errorf("%+v is quiet", s)
			}
		default:
			t.Errorf("probe %v", s.Probe)
		}
		switch s.CPU {
		case 1:
		case 0.8:
			starved++
			if s.Quiet() {
				t.Errorf("%+v is quiet", s)
			}
		default:
			t.Errorf("cpu %v", s.CPU)
		}
	}
	n := len(measured.Samples[0])
	if slow < n/10 || slow > n/2 || starved < n/6 || starved > n/4 {
		t.Errorf("of %d slices %d had a slow probe and %d lacked CPU time", n, slow, starved)
	}
	for _, s := range measured.Samples[1] {
		if !s.Quiet() {
			t.Errorf("%+v of two threads is not quiet: its probes must be compared among themselves", s)
		}
	}
}

func TestMeasureWithoutProcessorTime(t *testing.T) {
	clock := &fakeClock{noCPU: true}
	gpu := &fakeWork{clock: clock, per: always(time.Microsecond)}
	cpu := &fakeWork{clock: clock, per: always(time.Microsecond)}
	cases := []Case{{Spec: Spec{Search, "cuda:0", "sha256d", 0}, Work: gpu}, fakeCase("k", 1, cpu)}
	measured, err := Measure(t.Context(), cases, Plan{Duration: time.Second}, clock, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range measured.Samples {
		for _, s := range of {
			if s.CPU != 0 || !s.Quiet() {
				t.Fatalf("sample %+v, want no CPU time, and quiet", s)
			}
		}
	}
}

// A case that fails at any time is not run again, and the others continue.
func TestMeasureCaseFails(t *testing.T) {
	broken := errors.New("broken")
	for _, at := range []int{1, 9, 20, 40} { // in calibration, warm-up and measurement
		clock := &fakeClock{}
		lost := &fakeWork{clock: clock, per: always(time.Microsecond), fail: func(call int) error {
			if call == at {
				return broken
			}
			return nil
		}}
		good := &fakeWork{clock: clock, per: always(time.Microsecond)}
		measured, err := Measure(t.Context(), []Case{fakeCase("lost", 1, lost), fakeCase("good", 1, good)}, Plan{Duration: 5 * time.Second}, clock, nil)
		if err != nil {
			t.Fatalf("broken at call %d: %v", at, err)
		}
		if !errors.Is(measured.Failed[0], broken) || measured.Failed[1] != nil || lost.calls != at {
			t.Errorf("broken at call %d: failed %v after call %d", at, measured.Failed, lost.calls)
		}
		if n := len(measured.Samples[1]); measured.Samples[0] != nil || n < 30 || measured.Timing.Rounds != n {
			t.Errorf("broken at call %d: %d and %d samples in %d rounds", at, len(measured.Samples[0]), n, measured.Timing.Rounds)
		}
	}
}

func TestMeasureErrors(t *testing.T) {
	clock := &fakeClock{}
	if _, err := Measure(t.Context(), nil, Plan{}, clock, nil); !errors.Is(err, ErrNoCases) {
		t.Errorf("no cases: %v", err)
	}
	broken := errors.New("broken")
	for _, at := range []int{1, 9, 20, 40} { // in calibration, warm-up and measurement
		w := &fakeWork{clock: clock, per: always(time.Microsecond), fail: func(call int) error {
			if call == at {
				return broken
			}
			return nil
		}}
		_, err := Measure(t.Context(), []Case{fakeCase("k", 1, w)}, Plan{Duration: 5 * time.Second}, clock, nil)
		if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "search/cpu/k/1: ") {
			t.Errorf("broken at call %d: %v", at, err)
		}
		if w.calls != at {
			t.Errorf("broken at call %d, went on to call %d", at, w.calls)
		}
	}
	for _, at := range []int{1, 9, 20, 40} {
		ctx, cancel := context.WithCancel(t.Context())
		w := &fakeWork{clock: clock, per: always(time.Microsecond), fail: func(call int) error {
			if call == at {
				cancel()
			}
			return nil
		}}
		_, err := Measure(ctx, []Case{fakeCase("k", 1, w)}, Plan{Duration: 5 * time.Second}, clock, nil)
		if !errors.Is(err, context.Canceled) || w.calls != at {
			t.Errorf("cancelled at call %d: %v after call %d", at, err, w.calls)
		}
		cancel()
	}
}

// A clock that does not advance must not hang the calibration.
func TestMeasureFrozenClock(t *testing.T) {
	clock := &fakeClock{}
	w := &fakeWork{clock: clock, per: always(0)}
	plan := Plan{Duration: 0, MinSamples: 3}
	measured, err := Measure(t.Context(), []Case{fakeCase("k", 1, w)}, plan, clock, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(measured.Samples[0]) != 3 || math.IsInf(measured.Samples[0][0].Rate(), 0) {
		t.Errorf("measured.Samples %+v, want three with a finite rate", measured.Samples[0])
	}
}

func TestPlanSlice(t *testing.T) {
	tests := []struct {
		duration   time.Duration
		cases      int
		resolution time.Duration
		want       time.Duration
	}{
		{10 * time.Second, 3, 30, maxSlice},
		{10 * time.Second, 20, 30, 10 * time.Second / 720},
		{time.Second, 20, 30, minSlice},
		{time.Second, 20, 16 * time.Microsecond, 16 * time.Millisecond},
	}
	for _, test := range tests {
		p := Plan{Duration: test.duration, MinSamples: 30}
		if got := p.slice(test.cases, test.resolution); got != test.want {
			t.Errorf("%+v: slice of %v", test, got)
		}
	}
}

// coreClock is a fakeClock whose cores run at 1 to 2 GHz in turn.
type coreClock struct {
	fakeClock
	calls int
}

func (c *coreClock) Cycles() (float64, bool) { return 3e9 * c.now.Seconds(), true }

func (c *coreClock) Frequency(int) float64 {
	c.calls++
	return 1e9 * float64(1+c.calls%2)
}

// Samples of CPU cases have the cycles of the slice, and the mean of both clocks.
func TestMeasureCycles(t *testing.T) {
	clock := new(coreClock)
	work := func() *fakeWork { return &fakeWork{clock: &clock.fakeClock, per: always(time.Microsecond)} }
	cases := []Case{fakeCase("one", 1, work()), {Spec: Spec{Search, "cuda:0", "scan_a", 0}, Work: work()}}
	measured, err := Measure(t.Context(), cases, Plan{Duration: time.Second}, clock, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, samples := range measured.Samples {
		for _, s := range samples {
			if cycles := math.Round(3e9 * s.Seconds); i == 0 && (s.Clock != 1.5e9 || math.Abs(s.Cycles-cycles) > 1) || i == 1 && (s.Clock != 0 || s.Cycles != 0) {
				t.Fatalf("%s: %+v, want 1.5 GHz and %v cycles on the CPU", cases[i].ID(), s, cycles)
			}
		}
	}
}

func TestHostClock(t *testing.T) {
	c := NewHostClock()
	if c.Resolution() <= 0 || c.Resolution() > 100*time.Millisecond {
		t.Errorf("resolution %v", c.Resolution())
	}
	before := c.Now()
	busy, known := c.CPU()
	for _, threads := range []int{0, 1, 2, 100} {
		if took := c.Probe(threads); took <= 0 {
			t.Errorf("a probe on %d threads took %v", threads, took)
		}
	}
	if c.Now() <= before {
		t.Error("the clock does not advance")
	}
	if after, _ := c.CPU(); known && after <= busy {
		t.Errorf("CPU time went from %v to %v while busy", busy, after)
	}
	for _, threads := range []int{0, 1, 2, 100} {
		if hz := c.Frequency(threads); hz < 0 || hz > maxHertz {
			t.Errorf("%v Hz on %d threads", hz, threads)
		}
	}
	if cycles, ok := c.Cycles(); ok {
		t.Errorf("%v cycles before CountCycles", cycles)
	}
	if err := c.CountCycles(); err != nil {
		t.Log("cycles are not counted here:", err)
	} else if cycles, ok := c.Cycles(); !ok || cycles <= 0 {
		t.Errorf("%v cycles, known: %v", cycles, ok)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if a, b := arithmetic(1), arithmetic(2); a == b {
		t.Error("the loop of the probe does nothing")
	}
}

func TestIDsAreDistinct(t *testing.T) {
	ids := []string{
		Spec{Search, "cpu", "avx2", 1}.ID(), Spec{Search, "cpu", "avx2", 2}.ID(), Spec{Verify, "cpu", "avx2", 1}.ID(),
		Spec{Search, "cuda:0", "sha256d", 0}.ID(), Spec{Search, "bare", "avx2", 1}.ID(),
	}
	want := []string{"search/cpu/avx2/1", "search/cpu/avx2/2", "verify/cpu/avx2/1", "search/cuda:0/sha256d", "search/bare/avx2/1"}
	if !slices.Equal(ids, want) {
		t.Errorf("got %q, want %q", ids, want)
	}
}
