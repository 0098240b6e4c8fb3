package bench

import (
	"errors"
	"io"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

// withEndToEnd is a result with 10 rounds of a CPU and a GPU. Through the pool the CPU
// keeps 90 % of its bare rate and the GPU 99 %; the shares fit.
func withEndToEnd(t testing.TB) *Result {
	t.Helper()
	r := trueResult(t)
	e := &EndToEnd{}
	const cpu, gpu, difficulty = 40e6, 1e9, 1e-4
	for round := range 10 {
		for _, kind := range PhaseKinds() {
			p := Phase{Round: round, Kind: kind, Seconds: 0.5, CPU: 0.99, Devices: map[string]uint64{"cpu": cpu / 2, "cuda:0": gpu / 2}}
			if kind != PhaseBare {
				p.Devices = map[string]uint64{"cpu": 0.9 * cpu / 2, "cuda:0": 0.99 * gpu / 2}
				p.Idle = map[string]float64{"cpu": 0.001, "cuda:0": 0.05}
				p.Difficulty = difficulty
			}
			switch kind {
			case PhaseShares:
				p.Accepted = uint64(math.Round(float64(p.hashes()) / difficulty / pow.HashesPerDifficulty))
			case PhaseSwitching:
				p.Stale = 1
				for i := range 10 {
					p.Switches = append(p.Switches, Switch{Seconds: float64(10*round+i+1) / 1000, StaleHashes: 1000})
				}
			}
			e.Phases = append(e.Phases, p)
		}
	}
	e.Derive()
	r.EndToEnd = e
	return r
}

func TestEndToEndDerive(t *testing.T) {
	r := withEndToEnd(t)
	e := r.EndToEnd
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got/want-1) > 1e-6 {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	mining := 0.9*40e6 + 0.99*1e9
	near("bare", e.Bare.Median, 1040e6)
	near("mining", e.Mining.Median, mining)
	near("kept", e.Kept.Median, mining/1040e6)
	near("part of the CPU", e.Balance[0].Part, 0.9*40e6/mining)
	near("the CPU's rate", e.Balance[0].Alone.Median, 0.9)
	near("the CPU's stalls", *e.Balance[0].Stalls, 0.002)
	near("the GPU's stalls", *e.Balance[1].Stalls, 0.1)
	near("counted", e.Shares.Counted, mining)
	near("p50", e.Switching.P50, 0.050)
	near("p99", e.Switching.P99, 0.099)
	near("longest", e.Switching.Max, 0.100)
	near("stale hashes", e.Switching.StaleHashes, 1000)
	near("switching", e.Switching.Kept.Median, 1)
	if s := e.Shares; !(s.Low < mining && mining < s.High) || math.Abs(s.ToCounted-1) > 1e-3 || s.Accepted != e.Shares.Accepted {
		t.Errorf("shares %+v", s)
	}
	if e.Kept.Pairs != 10 || e.Switching.Count != 100 || e.Switching.StaleShares != 10 || len(e.Flags) != 0 {
		t.Errorf("%+v", e)
	}
	got, err := Parse(strings.NewReader(text(t, r)))
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("written and read: %v", err)
	}
	report, err := Check(t.Context(), r, Rescan{})
	if err != nil || !report.Good() || !slices.Contains(report.Confirmed, "the figures of the end-to-end measurement follow from its 40 phases") {
		t.Errorf("check: %+v, %v", report, err)
	}
	var b strings.Builder
	if err := r.WriteTable(&b, Text); err != nil {
		t.Fatal(err)
	}
	wrapped := regexp.MustCompile(`\n +`)
	table := wrapped.ReplaceAllString(b.String(), " ")
	for _, want := range []string{
		"\nend to end: 1026.000 MH/s", " 98.65 % (98.65 to 98.65) of the bare kernels", " accepted, 0 stale, 0 rejected; they show 1025.",
		"\njob switch: p50 50.00 ms, p99 99.00 ms, longest 100.00 ms of 100; 1000 hashes on an old job in each, 10 stale shares; with 20 switches a second 100.00 %",
		"\nend to end: cuda:0 did 96.5 %, at 99.0 % of its bare rate, waiting for work 10.00 % of the time\n",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("lacks %q:\n%s", want, b.String())
		}
	}
}

func TestEndToEndFlags(t *testing.T) {
	for flag, alter := range map[Flag]func(e *EndToEnd){
		FlagIncomplete: func(e *EndToEnd) { e.Incomplete = "cuda:0 is dead" },
		FlagSharesDisagree: func(e *EndToEnd) {
			for _, p := range e.of(PhaseShares) {
				p.Accepted = p.Accepted * 9 / 10
			}
		},
		FlagRejected: func(e *EndToEnd) { e.Phases[7].Rejected = 1 },
		FlagDisturbed: func(e *EndToEnd) {
			for _, p := range e.of(PhaseMining)[:4] {
				p.CPU = 0.5
			}
		},
		FlagFewQuiet: func(e *EndToEnd) {
			for _, p := range e.of(PhaseMining)[:6] {
				p.CPU, p.Devices["cpu"] = 0.5, 0
			}
		},
	} {
		e := withEndToEnd(t).EndToEnd
		alter(e)
		e.Derive()
		if !slices.Contains(e.Flags, flag) || len(e.Flags) > 1 && flag != FlagFewQuiet {
			t.Errorf("flags %q, want %q", e.Flags, flag)
		}
		if all := flag == FlagFewQuiet; all != (e.Mining.Samples == 10) && flag == FlagDisturbed {
			t.Errorf("%s: %d phases count", flag, e.Mining.Samples)
		}
	}
}

// Every figure is recomputed.
func TestCheckEndToEnd(t *testing.T) {
	for path, alter := range map[string]func(e *EndToEnd){
		"end_to_end.mining.median":             func(e *EndToEnd) { e.Mining.Median *= 1.001 },
		"end_to_end.kept.low":                  func(e *EndToEnd) { e.Kept.Low = 0.999 },
		"end_to_end.shares.high":               func(e *EndToEnd) { e.Shares.High *= 1.01 },
		"end_to_end.job_switches.p99_seconds":  func(e *EndToEnd) { e.Switching.P99 /= 2 },
		"end_to_end.balance[1].stalls":         func(e *EndToEnd) { *e.Balance[1].Stalls = 0.001 },
		"end_to_end.flags":                     func(e *EndToEnd) { e.Flags = []Flag{FlagRejected} },
		"end_to_end.job_switches.stale_shares": func(e *EndToEnd) { e.Switching.StaleShares = 0 },
		"end_to_end.bare.samples":              func(e *EndToEnd) { e.Phases[0].Kind, e.Phases[0].Round = PhaseMining, 99 },
		"end_to_end.shares.accepted":           func(e *EndToEnd) { e.Phases[2].Accepted += 100 },
		"end_to_end.job_switches":              func(e *EndToEnd) { e.Switching = nil },
	} {
		r := withEndToEnd(t)
		alter(r.EndToEnd)
		report, err := Check(t.Context(), r, Rescan{})
		if err != nil || !slices.ContainsFunc(report.Problems, func(p Problem) bool { return p.Kind == WrongFigure && p.Where == path }) {
			t.Errorf("%s: %+v, %v", path, report.Problems, err)
		}
	}
}

func TestParseRejectsEndToEnd(t *testing.T) {
	for name, alter := range map[string]func(e *EndToEnd){
		"no phases":          func(e *EndToEnd) { e.Phases = nil },
		"unknown kind":       func(e *EndToEnd) { e.Phases[1].Kind = "idle" },
		"a phase twice":      func(e *EndToEnd) { e.Phases[4].Round = 0 },
		"negative round":     func(e *EndToEnd) { e.Phases[4].Round = -1 },
		"no time":            func(e *EndToEnd) { e.Phases[1].Seconds = 0 },
		"no devices":         func(e *EndToEnd) { e.Phases[1].Devices = nil },
		"other devices":      func(e *EndToEnd) { e.Phases[1].Devices = map[string]uint64{"cpu": 1, "x": 1} },
		"too many hashes":    func(e *EndToEnd) { e.Phases[1].Devices["cpu"] = math.MaxUint64 },
		"no difficulty":      func(e *EndToEnd) { e.Phases[1].Difficulty = 0 },
		"shares of the bare": func(e *EndToEnd) { e.Phases[0].Accepted = 1 },
		"idle of the bare":   func(e *EndToEnd) { e.Phases[0].Idle = map[string]float64{"cpu": 0} },
		"idle of another":    func(e *EndToEnd) { e.Phases[1].Idle["x"] = 0 },
		"negative idle":      func(e *EndToEnd) { e.Phases[1].Idle["cpu"] = -1 },
		"negative cpu":       func(e *EndToEnd) { e.Phases[1].CPU = -1 },
		"too many shares":    func(e *EndToEnd) { e.Phases[1].Accepted = math.MaxUint64 },
		"switches":           func(e *EndToEnd) { e.Phases[1].Switches = []Switch{{}} },
		"negative latency":   func(e *EndToEnd) { e.Phases[3].Switches[1].Seconds = -1 },
		"too many stale":     func(e *EndToEnd) { e.Phases[3].Switches[1].StaleHashes = math.MaxUint64 },
	} {
		r := withEndToEnd(t)
		alter(r.EndToEnd)
		if _, err := Parse(strings.NewReader(text(t, r))); !errors.Is(err, ErrField) || !strings.Contains(err.Error(), "end_to_end") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Any phases that Parse accepts give figures that are numbers, in the right order.
func TestEndToEndProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := &EndToEnd{}
		for round := range rapid.IntRange(1, 12).Draw(t, "rounds") {
			for _, kind := range PhaseKinds() {
				p := Phase{Round: round, Kind: kind, Seconds: rapid.Float64Range(1e-3, 10).Draw(t, "seconds"),
					CPU: rapid.Float64Range(0, 1.2).Draw(t, "cpu"), Devices: map[string]uint64{"a": rapid.Uint64Range(0, maxItems).Draw(t, "hashes")}}
				if kind != PhaseBare {
					p.Difficulty, p.Accepted = rapid.Float64Range(1e-12, 1e6).Draw(t, "difficulty"), rapid.Uint64Range(0, 1e6).Draw(t, "shares")
				}
				for range rapid.IntRange(0, 3).Draw(t, "switches") * map[bool]int{true: 1}[kind == PhaseSwitching] {
					p.Switches = append(p.Switches, Switch{rapid.Float64Range(0, 1).Draw(t, "latency"), rapid.Uint64Range(0, 1e9).Draw(t, "stale")})
				}
				e.Phases = append(e.Phases, p)
			}
		}
		if err := e.plausible(); err != nil {
			t.Fatal(err)
		}
		e.Derive()
		if path, g, w := difference(reflect.ValueOf(e), reflect.ValueOf(e.recomputed()), "e"); path != "" {
			t.Fatalf("%s: %v, then %v", path, g, w)
		}
		if s := e.Shares; s != nil && !(s.Low <= s.Rate && s.Rate <= s.High && s.ToCountedLow <= s.ToCountedHigh) {
			t.Fatalf("%+v", s)
		}
		if s := e.Switching; s != nil && !(0 <= s.P50 && s.P50 <= s.P99 && s.P99 <= s.Max && s.StaleHashes >= 0) {
			t.Fatalf("%+v", s)
		}
		if err := (&Result{EndToEnd: e}).Encode(io.Discard); err != nil { // NaN is no JSON
			t.Fatal(err)
		}
	})
}
