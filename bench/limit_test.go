package bench

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"stele/bench/limit"
	"stele/engine"
	"stele/engine/host"
)

// limitResult is a true result of Zen 3 whose samples have a clock of 3 GHz, and a GPU of
// 100 multiprocessors at 1.5 GHz.
func limitResult(t testing.TB) *Result {
	t.Helper()
	r := trueResult(t)
	r.Environment.Microarchitecture, r.Environment.LimitTable = "Zen 3", limit.Digest()
	r.Environment.Devices = []engine.Info{{ID: "cuda:0", Features: []string{"sm_90"}, Multiprocessors: 100}}
	r.Cases[5].Kernel = "scan_a"
	for i := range r.Cases {
		for j := range r.Cases[i].Samples {
			if r.Cases[i].Threads > 0 {
				r.Cases[i].Samples[j].Clock = 3e9
			} else {
				r.Cases[i].Samples[j].GPU = &GPUStates{gpuState(0, 210, 0), gpuState(1, 1500, 0)}
			}
		}
	}
	r.derive()
	return r
}

// near reports whether two numbers differ by at most 1 %.
func near(got, want float64) bool { return math.Abs(got-want) <= 0.01*want }

func TestLimitOfClock(t *testing.T) {
	r := limitResult(t)
	if r.Cases[0].Limit != nil {
		t.Error("a limit of the reference")
	}
	least, err := limit.For("avx2", limit.Search, "Zen 3")
	if err != nil {
		t.Fatal(err)
	}
	// 16 and 31 million hashes a second on one and two cores.
	for i, cycles := range map[int]float64{1: 3e9 / 16e6, 2: 2 * 3e9 / 31e6} {
		l := r.Cases[i].Limit
		if l == nil || !near(l.CyclesPerItem, cycles) || l.LimitCycles != least.Cycles || l.Share != least.Cycles/l.CyclesPerItem ||
			l.Clock != 3e9 || l.Method != MethodChain || l.Bound != least.By {
			t.Errorf("case %d: %+v, want %v of %v cycles", i, l, least, cycles)
		}
	}
	least, err = limit.ForGPU("scan_a", 9, 0)
	if err != nil {
		t.Fatal(err)
	}
	if l := r.Cases[5].Limit; l == nil || !near(l.CyclesPerItem, 1.5e9*100/1e9) || l.LimitCycles != least.Cycles || l.Method != MethodGPUClock || l.Clock != 1.5e9 {
		t.Errorf("GPU: %+v, want %v of 150 cycles", l, least)
	}
}

// Two threads on one core have the cycles of one core. A counter, where there is one,
// counts those of both.
func TestLimitOfSharedCore(t *testing.T) {
	r := limitResult(t)
	r.Environment.Process = host.Limits{CPUs: 2, Cores: 1}
	r.derive()
	if l := r.Cases[2].Limit; !near(l.CyclesPerItem, 3e9/31e6) {
		t.Errorf("by the clock: %v cycles", l.CyclesPerItem)
	}
	for j := range r.Cases[2].Samples {
		s := &r.Cases[2].Samples[j]
		s.Cycles = math.Round(2 * 2.9e9 * s.Seconds)
	}
	r.derive()
	if l := r.Cases[2].Limit; !near(l.CyclesPerItem, 2.9e9/31e6) || l.Method != MethodCounter {
		t.Errorf("by the counter: %+v", l)
	}
	r.Cases[2].Samples[0].Cycles = 0 // the counter did not run
	r.derive()
	if l := r.Cases[2].Limit; l.Method != MethodChain {
		t.Errorf("with a counter for a part of the samples: %+v", l)
	}
}

func TestLimitUnknown(t *testing.T) {
	for _, test := range []struct {
		name  string
		alter func(r *Result)
		at    int
		want  string // in a line of the table, or "" for none
	}{
		{"no microarchitecture", func(r *Result) {
			r.Environment.Microarchitecture, r.Environment.LimitAbsent = "", limitAbsent("")
		}, 1, "no share of the limit: the microarchitecture"},
		{"no figures", func(r *Result) {
			r.Environment.Microarchitecture, r.Environment.LimitAbsent = "Zen", limitAbsent("Zen")
		}, 1, "no share of the limit: no figures of Zen; there are those of Cascade Lake,"},
		{"no such instructions", func(r *Result) { r.Cases[1].Kernel = "avx512" }, 1, "no limit of avx512: no figures of the processor: no ports of add512"},
		{"no counts", func(r *Result) { r.Cases[1].Kernel = "pure" }, 1, `no limit of pure: no instruction counts of the kernel "pure"`},
		{"clocks of few samples", func(r *Result) {
			for j := range 25 {
				r.Cases[1].Samples[j].Clock = 0
			}
		}, 1, ""},
		{"other work", func(r *Result) { r.Cases[1].Mode = RecordHashes }, 1, ""},
		{"a new GPU", func(r *Result) { r.Environment.Devices[0].Features[0] = "sm_120" }, 5, "no limit of scan_a: no figures of the processor: kernels/cuda/sass.txt has no"},
		{"no capability", func(r *Result) { r.Environment.Devices[0].Features[0] = "sm_x" }, 5, "compute capability is not known"},
		{"no multiprocessors", func(r *Result) { r.Environment.Devices[0].Multiprocessors = 0 }, 5, ""},
		{"no clock of the GPU", func(r *Result) {
			for j := range r.Cases[5].Samples {
				r.Cases[5].Samples[j].GPU.After.Clock = nil
			}
		}, 5, ""},
	} {
		r := limitResult(t)
		test.alter(r)
		r.derive()
		if l := r.Cases[test.at].Limit; l != nil {
			t.Errorf("%s: %+v", test.name, l)
		}
		found := slices.ContainsFunc(r.limitLines(), func(line string) bool { return strings.Contains(line, test.want) })
		if test.want != "" && !found {
			t.Errorf("%s: %q, want %q", test.name, r.limitLines(), test.want)
		}
	}
}

// A share above the limit is shown, not hidden.
func TestAboveLimit(t *testing.T) {
	r := limitResult(t)
	for j := range r.Cases[1].Samples {
		r.Cases[1].Samples[j].Clock = 1e9
	}
	r.derive()
	if c := r.Cases[1]; c.Limit.Share < 2 || !slices.Equal(c.Flags, []Flag{FlagAboveLimit}) {
		t.Errorf("%+v, flags %v", c.Limit, c.Flags)
	}
	if c := r.Cases[2]; len(c.Flags) != 0 {
		t.Errorf("flags %v at %v", c.Flags, c.Limit.Share)
	}
	r.Headlines[Search] = Headline{Case: r.Cases[1].ID, Rate: 1, Disturbed: true}
	if text := r.headline(Search, r.Headlines[Search]); !strings.Contains(text, "above-limit: unreliable, the clock or the table of limits is wrong") {
		t.Errorf("headline %q", text)
	}
}

// A result of a program with other tables keeps its limits, but its shares are checked.
func TestLimitOfOtherTables(t *testing.T) {
	r := limitResult(t)
	r.Environment.LimitTable = "other"
	r.Cases[1].Limit.LimitCycles, r.Cases[1].Limit.Bound = 100, "another port"
	r.Cases[2].Limit = nil
	r.derive()
	if l := r.Cases[1].Limit; l.LimitCycles != 100 || l.Share != 100/l.CyclesPerItem || l.Bound != "another port" {
		t.Errorf("%+v", l)
	}
	if r.Cases[2].Limit != nil {
		t.Error("a limit that the result did not have")
	}
	if lines := r.limitLines(); len(lines) != 1 {
		t.Errorf("%q, want the clock only", lines)
	}
	report, err := Check(t.Context(), r, Rescan{})
	if err != nil || len(report.Problems) != 0 {
		t.Errorf("%v, %v", report.Problems, err)
	}
	if !slices.Contains(report.Unconfirmed, "the least numbers of cycles: they come from the tables of another version of the program") {
		t.Errorf("unconfirmed: %q", report.Unconfirmed)
	}
}

func TestCheckLimit(t *testing.T) {
	for name, alter := range map[string]func(r *Result){
		"share":                 func(r *Result) { r.Cases[1].Limit.Share = 0.999 },
		"cycles_per_item":       func(r *Result) { r.Cases[1].Limit.CyclesPerItem /= 2 },
		"limit_cycles_per_item": func(r *Result) { r.Cases[1].Limit.LimitCycles++ },
		"bound":                 func(r *Result) { r.Cases[1].Limit.Bound = "no port" },
		"method":                func(r *Result) { r.Cases[1].Limit.Method = MethodCounter },
		"clock_hz":              func(r *Result) { r.Cases[1].Limit.Clock = 4e9 },
		"limit: nothing":        func(r *Result) { r.Cases[1].Limit = nil },
	} {
		r, err := Parse(strings.NewReader(text(t, limitResult(t))))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := r.recomputed().Cases, limitResult(t).Cases; !reflect.DeepEqual(got, want) {
			t.Fatal("written, read and computed again, the limits differ")
		}
		alter(r)
		report, err := Check(t.Context(), r, Rescan{})
		if err != nil || len(report.Problems) == 0 || report.Problems[0].Kind != WrongFigure || !strings.Contains(report.Problems[0].Where, "limit") {
			t.Errorf("%s: %v, %v", name, report.Problems, err)
		}
	}
}

func TestParseLimit(t *testing.T) {
	for name, alter := range map[string]func(r *Result){
		".cycles":                      func(r *Result) { r.Cases[1].Samples[3].Cycles = -1 },
		".cycles 1e-300":               func(r *Result) { r.Cases[1].Samples[3].Cycles = 1e-300 },
		".clock_hz 1e+300":             func(r *Result) { r.Cases[1].Samples[3].Clock = 1e300 },
		".limit.limit_cycles_per_item": func(r *Result) { r.Cases[1].Limit.LimitCycles = -1 },
	} {
		r := limitResult(t)
		alter(r)
		if _, err := Parse(strings.NewReader(text(t, r))); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLimitInTable(t *testing.T) {
	var out strings.Builder
	if err := limitResult(t).WriteTable(&out, Text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"  share  ", "cores: Zen 3 at 3.00 GHz, cycles by the clock around each slice", "share: the least number"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
