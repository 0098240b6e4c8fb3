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

// ErrNoCases says that there was nothing to measure.
var ErrNoCases = errors.New("bench: nothing to measure")

// Measure runs the cases in turn: calibration, warm-up until the rates stand
// still, then rounds of one slice of every case in a random (but always the
// same) order. It returns the samples in the order of the cases.
//
// progress, if not nil, is told the part of the plan that is done, from 0 to 1.
// The first error of a workload, or the end of ctx, ends the measurement.
func Measure(ctx context.Context, cases []Case, plan Plan, clock Clock, progress func(done float64)) ([][]Sample, Timing, error) {
	if len(cases) == 0 {
		return nil, Timing{}, ErrNoCases
	}
	if plan.MinSamples <= 0 {
		plan.MinSamples = defaultSamples
	}
	if progress == nil {
		progress = func(float64) {}
	}
	m := &meter{
		cases:   cases,
		plan:    plan,
		clock:   clock,
		slice:   plan.slice(len(cases), clock.Resolution()),
		start:   clock.Now(),
		order:   rand.New(rand.NewPCG(1, 2)),
		amounts: make([]uint64, len(cases)),
		taken:   make([][]reading, len(cases)),
	}
	m.progress = func() {
		progress(min(1, float64(clock.Now()-m.start)/float64(m.expectedDuration())))
	}

	timing := Timing{SliceSeconds: m.slice.Seconds()}
	err := m.calibrate(ctx)
	if err == nil {
		timing.WarmUpRounds, timing.Settled, err = m.warmUp(ctx)
	}
	began := clock.Now()
	timing.WarmUpSeconds = (began - m.start).Seconds()
	if err == nil {
		err = m.measure(ctx)
	}
	if err != nil {
		return nil, timing, err
	}
	timing.Rounds = len(m.taken[0])
	timing.Seconds = (clock.Now() - began).Seconds()
	progress(1)
	return m.samples(), timing, nil
}

// meter is the state of one measurement.
type meter struct {
	cases    []Case
	plan     Plan
	clock    Clock
	slice    time.Duration
	start    time.Duration
	order    *rand.Rand
	progress func()
	amounts  []uint64    // items of a slice, for each case
	taken    [][]reading // for each case
}

// reading is a sample as the clock tells it.
type reading struct {
	items     uint64
	took      time.Duration
	probe     time.Duration // the slower of the two around the slice
	processor time.Duration // CPU time of the program; 0: not known
}

func (r reading) rate() float64 { return float64(r.items) / r.took.Seconds() }

// expectedDuration of the whole measurement: the minimum of samples can take
// longer than planned.
func (m *meter) expectedDuration() time.Duration {
	return max(m.plan.Duration, time.Duration(len(m.cases)*m.plan.MinSamples)*m.slice)
}

// The warm-up lasts at most warmUpPart of the planned duration, but at least
// warmUpMin rounds. It ends when the medians of the last two windows of rounds
// agree for every case.
const (
	warmUpPart      = 5
	warmUpMin       = 2
	warmUpWindow    = 3
	warmUpTolerance = 0.02
)

// mostItems bounds the items of a slice, whatever the clock says.
const mostItems = 1 << 40

// calibrate finds how many items of each case fill a slice, and tells the
// workloads what is coming.
func (m *meter) calibrate(ctx context.Context) error {
	for i := range m.cases {
		n := uint64(1 << 10)
		for {
			r, err := m.take(ctx, i, n)
			if err != nil {
				return err
			}
			if r.took < m.slice/2 && n < mostItems {
				n *= 4
				continue
			}
			n = uint64(float64(n) * m.slice.Seconds() / max(r.took, 1).Seconds())
			m.amounts[i] = min(max(n, 1), mostItems)
			break
		}
		rounds := max(float64(m.plan.MinSamples), m.plan.Duration.Seconds()/m.slice.Seconds()/float64(len(m.cases)))
		m.cases[i].Work.Begin(uint64(float64(m.amounts[i]) * rounds))
		m.progress()
	}
	return nil
}

// warmUp runs rounds until the rates stand still or its time is over. Then it
// sets the amounts by the last rates.
func (m *meter) warmUp(ctx context.Context) (rounds int, settled bool, err error) {
	rates := make([][]float64, len(m.cases))
	for {
		for i := range m.cases {
			r, err := m.take(ctx, i, m.amounts[i])
			if err != nil {
				return rounds, false, err
			}
			rates[i] = append(rates[i], r.rate())
		}
		rounds++
		m.progress()
		settled = !slices.ContainsFunc(rates, func(r []float64) bool { return !steady(r) })
		if settled || rounds >= warmUpMin && m.clock.Now()-m.start >= m.plan.Duration/warmUpPart {
			break
		}
	}
	for i, r := range rates {
		last := Median(r[max(0, len(r)-warmUpWindow):])
		m.amounts[i] = max(uint64(min(last*m.slice.Seconds(), mostItems)), 1)
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
func (m *meter) measure(ctx context.Context) error {
	order := make([]int, len(m.cases))
	for i := range order {
		order[i] = i
	}
	for round := 0; round < m.plan.MinSamples || m.clock.Now()-m.start < m.plan.Duration; round++ {
		m.order.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			r, err := m.take(ctx, i, m.amounts[i])
			if err != nil {
				return err
			}
			m.taken[i] = append(m.taken[i], r)
		}
		m.progress()
	}
	return nil
}

// take runs one slice of a case.
func (m *meter) take(ctx context.Context, i int, items uint64) (reading, error) {
	if err := context.Cause(ctx); err != nil {
		return reading{}, err
	}
	c := m.cases[i]
	width := max(c.Threads, 1)
	before := m.clock.Probe(width)
	busy, known := m.clock.CPU()
	start := m.clock.Now()
	if err := c.Work.Run(ctx, items); err != nil {
		return reading{}, fmt.Errorf("%s: %w", c.ID(), err)
	}
	r := reading{items: items, took: max(m.clock.Now()-start, m.clock.Resolution(), 1)}
	if known && c.Threads > 0 {
		after, _ := m.clock.CPU()
		r.processor = after - busy
	}
	r.probe = max(before, m.clock.Probe(width))
	return r, nil
}

// samples gives what was taken, with the probes set against the usual best
// probe of as many threads: the fastest tenth of the run, since the very
// fastest is a matter of luck.
func (m *meter) samples() [][]Sample {
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
		for _, r := range m.taken[i] {
			s := Sample{Items: r.items, Seconds: r.took.Seconds(), Probe: 1}
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

// round4 keeps four decimals, but nothing that was above 0 becomes 0.
func round4(x float64) float64 { return max(math.Round(x*1e4), 1) / 1e4 }
