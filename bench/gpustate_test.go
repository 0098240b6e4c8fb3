package bench

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"stele/cgo/nvml"
	"stele/engine"
)

// gpuState is a GPU at work.
func gpuState(joules float64, clock uint32, others int, throttle ...string) GPUState {
	celsius, watts, limit := uint32(61), 300.0, 450.0
	return GPUState{
		Reading: nvml.Reading{Temperature: &celsius, Power: &watts, PowerLimit: &limit, Energy: &joules, Clock: &clock, Throttle: throttle},
		Others:  &others,
	}
}

func TestGPUFlags(t *testing.T) {
	for _, test := range []struct {
		name          string
		before, after func(i int) GPUState
		want          []Flag
	}{
		{"steady", func(int) GPUState { return gpuState(0, 210, 0) }, func(int) GPUState { return gpuState(6, 1980, 0) }, []Flag{}},
		{"a configured clock", func(int) GPUState { return gpuState(0, 1500, 0) },
			func(int) GPUState { return gpuState(6, 1500, 0, "clock-setting") }, []Flag{}},
		{"power cap", func(int) GPUState { return gpuState(0, 1980, 0) },
			func(int) GPUState { return gpuState(6, 1980, 0, "clock-setting", "power-cap") }, []Flag{FlagThrottled}},
		{"hot before a slice", func(int) GPUState { return gpuState(0, 1980, 0, "thermal") },
			func(int) GPUState { return gpuState(6, 1980, 0) }, []Flag{FlagThrottled}},
		{"hot once", func(i int) GPUState {
			if i == 0 {
				return gpuState(0, 1980, 0, "thermal")
			}
			return gpuState(0, 1980, 0)
		}, func(int) GPUState { return gpuState(6, 1980, 0) }, []Flag{}},
		{"a clock that falls", func(int) GPUState { return gpuState(0, 1980, 0) },
			func(i int) GPUState { return gpuState(6, 1980-uint32(5*i), 0) }, []Flag{FlagClockChanged}},
		{"other processes", func(int) GPUState { return gpuState(0, 1980, 2) }, func(int) GPUState { return gpuState(6, 1980, 2) }, []Flag{FlagShared}},
		{"all", func(int) GPUState { return gpuState(0, 1980, 1) },
			func(i int) GPUState { return gpuState(6, 1980-uint32(5*i), 0, "hardware") }, []Flag{FlagThrottled, FlagClockChanged, FlagShared}},
		{"nothing known", func(int) GPUState { return GPUState{} }, func(int) GPUState { return GPUState{} }, []Flag{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := trueResult(t)
			c := &r.Cases[5]
			for i := range c.Samples {
				c.Samples[i].GPU = &GPUStates{test.before(i), test.after(i)}
			}
			r.derive()
			if !reflect.DeepEqual(c.Flags, test.want) {
				t.Errorf("flags %v, want %v", c.Flags, test.want)
			}
			if h := r.Headlines[Search]; h.Case != c.ID || h.Disturbed != (len(test.want) > 0) {
				t.Errorf("headline %+v", h)
			}
			if got, err := Parse(strings.NewReader(text(t, r))); err != nil || !reflect.DeepEqual(got.Cases[5], *c) {
				t.Errorf("written and read: %v", err)
			}
		})
	}
}

// The sensor is read just before and just after each slice, outside of its time.
func TestMeasureReadsSensors(t *testing.T) {
	clock := &fakeClock{}
	w := &fakeWork{clock: clock, per: always(time.Microsecond)}
	c := fakeCase("sha256d", 0, w)
	reads := 0
	c.Sensor = func() (GPUState, bool) {
		reads++
		clock.now += 3 * time.Millisecond
		return gpuState(clock.now.Seconds()*300, 1980, 0), reads != 100 && reads != 103
	}
	blind := fakeCase("blind", 0, &fakeWork{clock: clock, per: always(time.Microsecond)})
	measured, err := Measure(t.Context(), []Case{c, blind}, Plan{Duration: 10 * time.Second}, clock, nil)
	if err != nil {
		t.Fatal(err)
	}
	if reads != 2*w.calls {
		t.Errorf("%d readings in %d slices", reads, w.calls)
	}
	missing := 0
	for _, s := range measured.Samples[0] {
		if s.Seconds < 0.049 || s.Seconds > 0.051 {
			t.Fatalf("a slice of %v s", s.Seconds)
		}
		if s.GPU == nil {
			missing++
		} else if joules := *s.GPU.After.Energy - *s.GPU.Before.Energy; joules < 300*s.Seconds || joules > 300*(s.Seconds+0.0031) {
			t.Fatalf("%v J in a slice of %v s", joules, s.Seconds)
		}
	}
	if missing != 2 {
		t.Errorf("%d samples without a state, want the 2 of which a reading failed", missing)
	}
	for _, s := range measured.Samples[1] {
		if s.GPU != nil {
			t.Fatal("a state without a sensor")
		}
	}
}

func TestGPUStateShown(t *testing.T) {
	r := trueResult(t)
	r.Environment.Devices = []engine.Info{{ID: "cpu", Kind: "cpu"}, {ID: "cuda:0", Kind: "cuda", Name: "NVIDIA H100"}}
	r.Environment.Driver = "550.54.15"
	other := trueResult(t)
	for i := range r.Cases[5].Samples {
		r.Cases[5].Samples[i].GPU = &GPUStates{gpuState(0, 1980, 0), gpuState(0.06, 1965, 0, "power-cap")}
		other.Cases[5].Samples[i].GPU = &GPUStates{gpuState(0, 1980, 0), gpuState(0.06, 1965, 0)}
		*other.Cases[5].Samples[i].GPU.After.PowerLimit = 300
	}
	r.derive()
	var b strings.Builder
	if err := r.WriteTable(&b, Text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\ncuda:0: NVIDIA H100, driver 550.54.15, 1965 MHz, 300 W, limit 450 W, up to 61 C, throttled: power-cap\n",
		") cuda:0 sha256d; unreliable (throttled): the GPU did not run at its full clock\n",
		"  J/T", "  3000  ", "\nJ/T: joules per 10^12 items\n", "\n! throttled: cuda:0/sha256d\n",
	} {
		if !strings.Contains(unwrapped(b.String()), want) {
			t.Errorf("lacks %q:\n%s", want, b.String())
		}
	}
	other.Environment.Devices, other.Environment.Driver = r.Environment.Devices, "560.35.03"
	want := []string{"driver differs: 550.54.15, then 560.35.03", "power limit differs: cuda:0 450 W, then cuda:0 300 W", "old: flagged throttled: search/cuda:0/sha256d"}
	if got := Compare(r, other).Notes; !slices.Equal(got, want) {
		t.Errorf("notes %q, want %q", got, want)
	}
	report, err := Check(t.Context(), r, Rescan{})
	if err != nil || !report.Good() {
		t.Errorf("check: %+v, %v", report, err)
	}
	r.Cases[5].Joules /= 2
	if report, err = Check(t.Context(), r, Rescan{}); err != nil || len(report.Problems) != 1 || report.Problems[0].Where != "cases[5].joules_per_item" {
		t.Errorf("an altered energy: %+v, %v", report, err)
	}
}
