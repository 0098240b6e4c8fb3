package bench

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stele/cgo/nvml"
)

// wattClock is a clock of a machine whose power is known at every moment.
type wattClock struct {
	fakeClock
	segments []segment // of constant power
	readings []float64 // of the counter
}

type segment struct {
	from   time.Duration
	joules float64 // until from
	watts  float64
}

// advance moves the clock at a power.
func (c *wattClock) advance(d time.Duration, watts float64) {
	c.segments = append(c.segments, segment{c.now, c.at(c.now), watts})
	c.now += d
}

// at returns the true energy until a moment.
func (c *wattClock) at(t time.Duration) float64 {
	for _, s := range slices.Backward(c.segments) {
		if s.from <= t {
			return s.joules + s.watts*(t-s.from).Seconds()
		}
	}
	return 0
}

func (c *wattClock) Probe(int) time.Duration {
	c.advance(150*time.Microsecond, 40)
	return 50 * time.Microsecond
}

// counter reads the energy as RAPL counts it: each millisecond, in units of 61 uJ.
func (c *wattClock) counter() (float64, error) {
	const unit = 61e-6
	c.advance(5*time.Microsecond, 40)
	j := math.Floor(c.at(c.now.Truncate(time.Millisecond))/unit) * unit
	c.readings = append(c.readings, j)
	return j, nil
}

// wattWork does an item in a microsecond at a power.
type wattWork struct {
	clock *wattClock
	watts float64
}

func (w wattWork) Begin(uint64) {}

func (w wattWork) Run(_ context.Context, items uint64) error {
	w.clock.advance(time.Duration(items)*time.Microsecond, w.watts)
	return nil
}

func wattCase(kernel string, threads int, w wattWork) Case {
	return Case{Spec: Spec{Mode: Search, Device: "cpu", Kernel: kernel, Threads: threads}, Work: w}
}

// The energy of a case is within 3 % of the difference of the counter over a minute, and
// that of several cases of what each used, although the counter moves in steps.
func TestEnergyOfCounter(t *testing.T) {
	for _, duration := range []time.Duration{10 * time.Second, time.Minute} {
		clock := &wattClock{}
		c := wattCase("alone", 2, wattWork{clock, 90})
		m, err := Measure(t.Context(), []Case{c}, Plan{Duration: duration, Energy: clock.counter}, clock, nil)
		if err != nil {
			t.Fatal(err)
		}
		n, got := len(m.Samples[0]), 0.0
		for _, s := range m.Samples[0] {
			got += s.Joules
		}
		of := clock.readings[len(clock.readings)-2*n:]
		if want := of[len(of)-1] - of[0]; math.Abs(got/want-1) > 0.03 {
			t.Errorf("%v: %d samples used %v J, the counter grew by %v", duration, n, got, want)
		}

		clock = &wattClock{}
		cases := []Case{wattCase("one", 1, wattWork{clock, 45}), wattCase("all", 2, wattWork{clock, 90}), wattCase("hot", 2, wattWork{clock, 130})}
		if m, err = Measure(t.Context(), cases, Plan{Duration: duration, Energy: clock.counter}, clock, nil); err != nil {
			t.Fatal(err)
		}
		r := New(time.Now(), Environment{}, Settings{Mode: "search"}, cases, m)
		for i, watts := range []float64{45, 90, 130} {
			each := watts * 1e-6
			if k := r.Cases[i]; math.Abs(k.Joules/each-1) > 0.03 || k.PerJoule == nil || math.Abs(k.PerJoule.Median*each-1) > 0.03 {
				t.Errorf("%v: %s: %v J for an item, want %v; %+v", duration, k.ID, k.Joules, each, k.PerJoule)
			}
		}
	}
}

// energyCase is a case with samples of a GPU or of the CPU.
func energyCase(threads int, joules ...float64) *CaseResult {
	c := &CaseResult{Spec: Spec{Mode: Search, Device: "cuda:0", Threads: threads}}
	for i, j := range joules {
		s := Sample{Items: 2e9, Seconds: 0.02, Probe: 1}
		if threads > 0 {
			s.Joules = j
		} else {
			s.GPU = &GPUStates{gpuState(float64(100*i), 1980, 0), gpuState(float64(100*i)+j, 1980, 0)}
		}
		c.Samples = append(c.Samples, s)
	}
	return c
}

func TestEnergyOfCase(t *testing.T) {
	steps := slices.Repeat([]float64{0, 12}, 10) // of a counter that moves every 40 ms
	for _, threads := range []int{0, 2} {
		each, groups := energyCase(threads, slices.Repeat([]float64{6}, 20)...).energy()
		if math.Abs(each-3e-9) > 1e-18 || groups == nil || math.Abs(groups.Median*3e-9-1) > 1e-9 || groups.Samples != energyGroups {
			t.Errorf("%d threads: %v J for an item, %+v; want 6 J for 2e9", threads, each, groups)
		}
		if each, groups := energyCase(threads, slices.Repeat([]float64{6}, 9)...).energy(); each != 0 || groups != nil {
			t.Errorf("%d threads: %v J of too few samples, %+v", threads, each, groups)
		}
	}
	if each, groups := energyCase(0, steps...).energy(); math.Abs(each-3e-9) > 1e-18 || groups == nil {
		t.Errorf("steps: %v J for an item, %+v", each, groups)
	}
	if each, groups := energyCase(0, append(make([]float64, 19), 120)...).energy(); math.Abs(each-3e-9) > 1e-18 || groups != nil {
		t.Errorf("one step: %v J for an item, %+v; want no interval", each, groups)
	}
	// A driver that was loaded anew, and samples without the counter, are left out.
	c := energyCase(0, append(slices.Clone(steps), -50)...)
	c.Samples = append(c.Samples, Sample{Items: 1e12, Seconds: 0.02, Probe: 1})
	if each, _ := c.energy(); math.Abs(each-3e-9) > 1e-18 {
		t.Errorf("%v J with odd samples, want the same", each)
	}
	if each, _ := energyCase(0, make([]float64, 20)...).energy(); each != 0 {
		t.Errorf("%v J of a counter that stands still", each)
	}
}

// A counter of the CPU that vanishes leaves the results, and the energy of the samples
// before.
func TestCounterVanishes(t *testing.T) {
	clock := &wattClock{}
	vanishes := func() (float64, error) {
		if clock.now > 3*time.Second {
			return 0, errors.New("gone")
		}
		return clock.counter()
	}
	c := wattCase("avx2", 2, wattWork{clock, 90})
	m, err := Measure(t.Context(), []Case{c}, Plan{Duration: 6 * time.Second, Energy: vanishes}, clock, nil)
	if err != nil {
		t.Fatal(err)
	}
	known := 0
	for _, s := range m.Samples[0] {
		if s.Joules > 0 {
			known++
		}
	}
	if n := len(m.Samples[0]); known == 0 || known == n {
		t.Errorf("%d of %d samples have energy", known, n)
	}
	r := New(time.Now(), Environment{}, Settings{Mode: "search"}, []Case{c}, m)
	if k := r.Cases[0]; math.Abs(k.Joules/90e-6-1) > 0.03 || k.Rate.Median == 0 {
		t.Errorf("%v J for an item, %v items/s", k.Joules, k.Rate.Median)
	}
}

// A GPU without a counter has the integral of its power.
func TestGPUMeterIntegrates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, celsius := time.Now(), uint32(60)
		m := newGPUMeter(func() (GPUState, error) {
			watts := 200 + 10*time.Since(start).Seconds()
			return GPUState{Reading: nvml.Reading{Power: &watts, Temperature: &celsius, Absent: map[string]string{"energy_j": "Not Supported"}}}, nil
		})
		defer m.Close()
		time.Sleep(10 * time.Second)
		if s, ok := m.State(); !ok || s.Energy == nil || math.Abs(*s.Energy-2500) > 0.01 || s.Absent != nil {
			t.Errorf("%+v, want 2500 J", s)
		}
		if name, absent := m.Source(); name != FromPower || absent != "" {
			t.Errorf("source %q, absent %q", name, absent)
		}
	})
}

// A sensor that vanishes has one reason, and no energy that would look whole.
func TestGPUMeterLoses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, hasCounter := range []bool{true, false} {
			var err error
			isGone := false
			m := newGPUMeter(func() (GPUState, error) {
				joules, watts := 7.0, 300.0
				s := GPUState{Reading: nvml.Reading{Power: &watts}}
				if hasCounter {
					s.Energy = &joules
				}
				if isGone {
					s.Energy, s.Power, s.Absent = nil, nil, map[string]string{"energy_j": "GPU is lost", "power_w": "GPU is lost"}
				}
				return s, err
			})
			time.Sleep(time.Second)
			if s, ok := m.State(); !ok || s.Energy == nil {
				t.Errorf("%+v", s)
			}
			isGone = true
			if s, ok := m.State(); !ok || s.Energy != nil {
				t.Errorf("without a sensor: %+v", s)
			}
			err, isGone = errors.New("the driver is gone"), false
			if _, ok := m.State(); ok {
				t.Error("a state without a driver")
			}
			if name, absent := m.Source(); name == "" || absent != "lost during the run: GPU is lost" {
				t.Errorf("source %q, absent %q", name, absent)
			}
			err = nil
			if s, _ := m.State(); (s.Energy != nil) != hasCounter {
				t.Errorf("after a gap, counter %v: %+v", hasCounter, s)
			}
			m.Close()
		}
		m := newGPUMeter(func() (GPUState, error) {
			return GPUState{Reading: nvml.Reading{Absent: map[string]string{"energy_j": "Not Supported", "power_w": "Not Supported"}}}, nil
		})
		if name, absent := m.Source(); name != "" || !strings.Contains(absent, "no energy counter (Not Supported)") {
			t.Errorf("source %q, absent %q", name, absent)
		}
		m.Close()
	})
}

func TestSetEnergy(t *testing.T) {
	var e Environment
	e.SetEnergy([]EnergySource{{"cpu", "", "no RAPL"}, {"cuda:0", FromCounter, ""}, {"cuda:1", FromPower, "lost during the run: x"}})
	got := strings.Join(e.energyLines(), "\n")
	const want = "energy: cuda:0: NVML counter, cuda:1: NVML power, integrated\nno energy: cpu: no RAPL; cuda:1: lost during the run: x"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
