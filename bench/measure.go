package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// ErrNoCases means that there is nothing to measure.
var ErrNoCases = errors.New("bench: nothing to measure")

// Measure measures the cases in three steps: a calibration, a warm-up until the
// rates are steady, and then rounds of one slice of every case, in a random order
// that is the same in every run.
//
// It calls progress, if that is not nil, with the part of the plan that is done,
// from 0 to 1. A case whose workload returns an error has failed: it is not run
// again, and the others continue. Errors: [ErrNoCases], that of ctx, or those of
// the cases if all have failed.
func Measure(ctx context.Context, cases []Case, plan Plan, clock Clock, progress func(done float64)) (Measured, error) {
	if len(cases) == 0 {
		return Measured{}, ErrNoCases
	}
	if progress == nil {
		progress = func(float64) {}
	}
	m := newRunner(cases, plan, clock, progress)
	if err := m.calibrate(ctx); err != nil {
		return Measured{}, err
	}
	timing := Timing{SliceSeconds: m.slice.Seconds()}
	var err error
	if timing.WarmUpRounds, timing.Settled, err = m.warmUp(ctx); err != nil {
		return Measured{}, err
	}
	began := clock.Now()
	timing.WarmUpSeconds = (began - m.start).Seconds()
	if err := m.measure(ctx); err != nil {
		return Measured{}, err
	}
	if err := m.allFailed(); err != nil {
		return Measured{}, err
	}
	timing.Seconds = (clock.Now() - began).Seconds()
	for i, taken := range m.taken {
		if m.failed[i] == nil {
			timing.Rounds = len(taken)
		}
	}
	progress(1)
	return Measured{m.samples(), m.failed, timing}, nil
}

// Measured is the result of [Measure].
type Measured struct {
	Samples [][]Sample // of each case, in their order; nil if the case failed
	Failed  []error    // of each case; nil if it did not fail
	Timing  Timing
}

// runner is the state of one measurement.
type runner struct {
	cases    []Case
	plan     Plan
	clock    Clock
	slice    time.Duration
	start    time.Duration
	order    *rand.Rand
	progress func()
	amounts  []uint64    // items of a slice, for each case
	taken    [][]reading // for each case
	failed   []error     // for each case; nil while it runs
}

func newRunner(cases []Case, plan Plan, clock Clock, progress func(done float64)) *runner {
	if plan.MinSamples <= 0 {
		plan.MinSamples = defaultSamples
	}
	m := &runner{
		cases:   cases,
		plan:    plan,
		clock:   clock,
		slice:   plan.slice(len(cases), clock.Resolution()),
		start:   clock.Now(),
		order:   rand.New(rand.NewPCG(1, 2)),
		amounts: make([]uint64, len(cases)),
		taken:   make([][]reading, len(cases)),
		failed:  make([]error, len(cases)),
	}
	m.progress = func() {
		progress(min(1, float64(clock.Now()-m.start)/float64(m.expectedDuration())))
	}
	return m
}

// allFailed returns the errors of the cases if all have failed, and otherwise nil.
func (m *runner) allFailed() error {
	if slices.Contains(m.failed, nil) {
		return nil
	}
	return errors.Join(m.failed...)
}

// reading is a sample as read from the clock.
type reading struct {
	items     uint64
	took      time.Duration
	probe     time.Duration // the slower of the two around the slice
	processor time.Duration // CPU time of the program; 0 if not known
	cycles    float64       // of all threads of the program; 0 if not known
	hertz     float64       // clock of a core around the slice; 0 if not known
	joules    float64       // of the CPU packages; 0 if not known
	gpu       *GPUStates
	devices   map[string]uint64
	idle      map[string]float64
}

func (r reading) rate() float64 { return float64(r.items) / r.took.Seconds() }

// expectedDuration returns the expected duration of the whole measurement: the
// minimum number of samples can take longer than planned.
func (m *runner) expectedDuration() time.Duration {
	return max(m.plan.Duration, time.Duration(len(m.cases)*m.plan.MinSamples)*m.slice)
}

// The warm-up lasts at most 1/warmUpPart of the planned duration, but at least
// minWarmUp rounds. It ends when the medians of the last two windows of rounds
// agree for every case.
const (
	warmUpPart      = 5
	minWarmUp       = 2
	warmUpWindow    = 3
	warmUpTolerance = 0.02
)

// maxSliceItems bounds the items of a slice, whatever the clock reads.
const maxSliceItems = 1 << 40

// firstAmount returns the number of items with which the calibration of a case begins.
func (c Case) firstAmount() uint64 {
	if c.Step > 1 {
		return c.Step
	}
	return 1 << 10
}

// amount returns the number of items next to n that a slice of the case can have.
func (c Case) amount(n float64) uint64 {
	step := max(c.Step, 1)
	return step * uint64(math.Round(max(min(n, maxSliceItems)/float64(step), 1)))
}

// calibrate determines how many items of each case fill a slice, and passes the
// expected number of items to the workloads.
func (m *runner) calibrate(ctx context.Context) error {
	rounds := max(float64(m.plan.MinSamples), m.plan.Duration.Seconds()/m.slice.Seconds()/float64(len(m.cases)))
	for i := range m.cases {
		n := m.cases[i].firstAmount()
		r, ok, err := m.take(ctx, i, n)
		for ; ok && r.took < m.slice/2 && n < maxSliceItems; r, ok, err = m.take(ctx, i, n) {
			n *= 4
		}
		if err != nil {
			return err
		}
		if ok {
			m.amounts[i] = m.cases[i].amount(float64(n) * m.slice.Seconds() / max(r.took, 1).Seconds())
			m.cases[i].Work.Begin(uint64(float64(m.amounts[i]) * rounds))
		}
		m.progress()
	}
	return nil
}

// warmUp runs rounds until the rates are steady or its time is over. Then it sets
// the amounts by the last rates.
func (m *runner) warmUp(ctx context.Context) (rounds int, settled bool, err error) {
	rates := make([][]float64, len(m.cases))
	for {
		settled = true
		for i := range m.cases {
			r, ok, err := m.take(ctx, i, m.amounts[i])
			if err != nil {
				return rounds, false, err
			}
			if ok {
				rates[i] = append(rates[i], r.rate())
				settled = settled && steady(rates[i])
			}
		}
		rounds++
		m.progress()
		if settled || rounds >= minWarmUp && m.clock.Now()-m.start >= m.plan.Duration/warmUpPart {
			break
		}
	}
	for i, r := range rates {
		if m.failed[i] != nil {
			continue
		}
		last := Median(r[max(0, len(r)-warmUpWindow):])
		m.amounts[i] = m.cases[i].amount(last * m.slice.Seconds())
	}
	return rounds, settled, nil
}

// steady reports whether the last rates agree with those before.
func steady(rates []float64) bool {
	n := len(rates)
	if n < 2*warmUpWindow {
		return false
	}
	before := Median(rates[n-2*warmUpWindow : n-warmUpWindow])
	return math.Abs(Median(rates[n-warmUpWindow:])/before-1) <= warmUpTolerance
}

// measure takes the samples.
func (m *runner) measure(ctx context.Context) error {
	order := make([]int, len(m.cases))
	for i := range order {
		order[i] = i
	}
	for round := 0; m.allFailed() == nil && (round < m.plan.MinSamples || m.clock.Now()-m.start < m.plan.Duration); round++ {
		m.order.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			r, ok, err := m.take(ctx, i, m.amounts[i])
			if err != nil {
				return err
			}
			if ok {
				m.taken[i] = append(m.taken[i], r)
			}
		}
		m.progress()
	}
	return nil
}

// take runs one slice of a case. It returns false if the case fails or has failed.
// The error is that of ctx.
func (m *runner) take(ctx context.Context, i int, items uint64) (r reading, ok bool, err error) {
	if err := context.Cause(ctx); err != nil {
		return reading{}, false, err
	}
	if m.failed[i] != nil {
		return reading{}, false, nil
	}
	c := m.cases[i]
	if p, ok := c.Work.(Preparer); ok {
		if err := p.Prepare(ctx, items); err != nil {
			return reading{}, false, m.fail(ctx, i, err)
		}
	}
	width := max(c.Threads, 1)
	before := m.clock.Probe(width)
	hertz := m.frequency(c)
	gpuBefore, sensed := c.sense()
	cycles, counted := m.cycles(c)
	energy, metered := m.plan.energy()
	busy, known := m.clock.CPU()
	start := m.clock.Now()
	if err := c.Work.Run(ctx, items); err != nil {
		return reading{}, false, m.fail(ctx, i, err)
	}
	r = reading{items: items, took: max(m.clock.Now()-start, m.clock.Resolution(), 1)}
	if after, ok := m.cycles(c); ok && counted {
		r.cycles = max(after-cycles, 0)
	}
	if after, ok := m.plan.energy(); metered && ok {
		r.joules = after - energy
	}
	if known && c.Threads > 0 {
		after, _ := m.clock.CPU()
		r.processor = after - busy
	}
	if c.DeviceItems != nil {
		r.devices = c.DeviceItems()
	}
	if c.DeviceIdle != nil {
		r.idle = c.DeviceIdle()
	}
	if gpuAfter, ok := c.sense(); sensed && ok {
		r.gpu = &GPUStates{gpuBefore, gpuAfter}
	}
	if hertz > 0 {
		r.hertz = (hertz + m.frequency(c)) / 2
	}
	r.probe = max(before, m.clock.Probe(width))
	return r, true, nil
}

// frequency returns the clock of the cores of a CPU case; 0 if it is not known.
func (m *runner) frequency(c Case) float64 {
	if clock, ok := m.clock.(CoreClock); ok && c.Threads > 0 {
		return clock.Frequency(c.Threads)
	}
	return 0
}

// cycles returns the cycles of the program before or after a slice of a CPU case; false
// if they are not known.
func (m *runner) cycles(c Case) (float64, bool) {
	if clock, ok := m.clock.(CoreClock); ok && c.Threads > 0 {
		return clock.Cycles()
	}
	return 0, false
}

// fail marks a case as failed by an error, unless the cause is that ctx has ended: then
// it returns the error.
func (m *runner) fail(ctx context.Context, i int, err error) error {
	err = fmt.Errorf("%s: %w", m.cases[i].ID(), err)
	if ctx.Err() != nil {
		return err
	}
	m.failed[i] = err
	return nil
}

// sense reads the sensor of a case, if it has one.
func (c Case) sense() (GPUState, bool) {
	if c.Sensor == nil {
		return GPUState{}, false
	}
	return c.Sensor()
}

// samples returns the samples. Their probes are relative to the usual best probe on
// the same number of threads: the fastest tenth of the run, because the very
// fastest is a matter of luck.
func (m *runner) samples() [][]Sample {
	probes := map[int][]float64{}
	for i, c := range m.cases {
		for _, r := range m.taken[i] {
			probes[c.Threads] = append(probes[c.Threads], r.probe.Seconds())
		}
	}
	best := map[int]float64{}
	for threads, p := range probes {
		slices.Sort(p)
		best[threads] = quantile(p, 0.1)
	}
	all := make([][]Sample, len(m.cases))
	for i, c := range m.cases {
		if m.failed[i] != nil {
			continue
		}
		for _, r := range m.taken[i] {
			s := Sample{Items: r.items, Seconds: r.took.Seconds(), Probe: 1, Joules: r.joules, GPU: r.gpu, Devices: r.devices, Idle: r.idle}
			s.Cycles, s.Clock = math.Round(r.cycles), math.Round(r.hertz)
			if p := r.probe.Seconds(); p > best[c.Threads] {
				s.Probe = round4(best[c.Threads] / p)
			}
			if r.processor > 0 {
				s.CPU = round4(r.processor.Seconds() / r.took.Seconds() / float64(c.Threads))
			}
			all[i] = append(all[i], s)
		}
	}
	return all
}

// round4 rounds to four decimals, and up to 0.0001 at least, so that a number above
// 0 stays above 0.
func round4(x float64) float64 { return max(math.Round(x*1e4), 1) / 1e4 }
