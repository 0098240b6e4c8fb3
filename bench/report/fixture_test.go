package report

import (
	"bytes"
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"stele/bench"
	"stele/cgo/nvml"
	"stele/engine"
	"stele/engine/host"
)

// aProof is the set of the smallest range, found once for all tests.
var aProof = sync.OnceValues(func() (bench.Proof, error) {
	w := bench.NewWalk(bench.ReferenceScan)
	w.Begin(1)
	return w.Finish(context.Background())
})

// machineResult returns the result of a machine with a GPU and several CPU kernels. Its
// rates are those of a machine whose speed is factor, with a few disturbed samples.
func machineResult(t testing.TB, label string, factor float64) *bench.Result {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, uint64(factor*1000)))
	var cases []bench.Case
	var rates []float64
	add := func(mode bench.Mode, device, kernel string, threads int, rate float64) {
		cases = append(cases, bench.Case{Spec: bench.Spec{Mode: mode, Device: device, Kernel: kernel, Threads: threads}})
		rates = append(rates, rate*factor)
	}
	add(bench.Search, "cpu", bench.Reference, 1, 4.1e6)
	for i, kernel := range []string{"shani", "avx2", "pure"} {
		for _, n := range []int{1, 2, 4, 8} {
			add(bench.Search, "cpu", kernel, n, []float64{25e6, 12e6, 1.6e6}[i]*float64(n)*(1-0.02*float64(n)))
		}
	}
	add(bench.Search, "cuda:0", "scan_a", 0, 10.2e9)
	add(bench.Verify, "cpu", bench.Reference, 1, 3.9e6)
	for _, n := range []int{1, 2, 4, 8} {
		add(bench.Verify, "cpu", "shani", n, 15e6*float64(n))
	}
	add(bench.Verify, "cuda:0", "verify", 0, 2.5e9)
	measured := bench.Measured{Failed: make([]error, len(cases)), Timing: bench.Timing{SliceSeconds: 0.02, WarmUpRounds: 6, WarmUpSeconds: 2.4, Settled: true, Rounds: 60, Seconds: 26}}
	for i := range cases {
		measured.Samples = append(measured.Samples, someSamples(rng, rates[i], cases[i].Device == "cuda:0"))
	}
	smt := true
	r := bench.New(time.Date(2026, 11, 30, 21, 4, 0, 0, time.UTC), bench.Environment{
		Label: label, Version: "v1.4.0", Go: "go1.26.0", OS: "linux", Arch: "amd64", Kernel: "6.1.0-28-amd64", SMT: &smt, Governor: "performance",
		Microarchitecture: "Zen 3", CPU: host.CPU{Brand: "AMD EPYC 7313", Vendor: "AuthenticAMD", Family: 25, Model: 1, Cores: 8, Threads: 16},
		Driver: "550.54.15", Process: host.Limits{CPUs: 16, Cores: 8}, Threads: 8,
		Devices: []engine.Info{{ID: "cpu", Kind: "cpu", Name: "AMD EPYC 7313", SearchKernel: "shani"}, {ID: "cuda:0", Kind: "cuda", Name: "NVIDIA H100", SearchKernel: "scan_a"}},
	}, bench.Settings{Mode: "all", Kernel: "all", Duration: 30}, cases, measured)
	proof, err := aProof()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if c.Mode.Searches() {
			r.AddProof(c.ID(), proof)
		}
	}
	r.EndToEnd = someEndToEnd(rng, 10.2e9*factor)
	return r.Recomputed()
}

// someSamples returns 60 samples of 20 ms, of which some are disturbed.
func someSamples(rng *rand.Rand, rate float64, gpu bool) (samples []bench.Sample) {
	for i := range 60 {
		s := bench.Sample{Items: uint64(rate * 0.02), Seconds: 0.02 * (1 + 0.004*rng.NormFloat64()), Probe: 1, CPU: 0.99}
		if i%11 == 5 {
			s.Seconds *= 1.2 + 0.3*rng.Float64()
			s.Probe = 0.8
		}
		if gpu {
			before, after := 1000+float64(i)*10, 1000+float64(i)*10+6
			s.GPU = &bench.GPUStates{Before: bench.GPUState{Reading: nvml.Reading{Energy: &before}}, After: bench.GPUState{Reading: nvml.Reading{Energy: &after}}}
		}
		samples = append(samples, s)
	}
	return samples
}

// someEndToEnd returns an end-to-end measurement of one GPU.
func someEndToEnd(rng *rand.Rand, rate float64) *bench.EndToEnd {
	e := &bench.EndToEnd{}
	for round := range 4 {
		for i, kind := range bench.PhaseKinds() {
			p := bench.Phase{Round: round, Kind: kind, Seconds: 1, Devices: map[string]uint64{"cuda:0": uint64(rate * (1 - 0.003*float64(i) + 0.001*rng.NormFloat64()))}}
			if kind != bench.PhaseBare {
				p.Idle = map[string]float64{"cuda:0": 0.002}
				p.Difficulty, p.Accepted = rate/(10*4294967296), 10
			}
			if kind == bench.PhaseSwitching {
				for range 50 {
					p.Switches = append(p.Switches, bench.Switch{Seconds: 0.003 + 0.002*rng.Float64()})
				}
			}
			e.Phases = append(e.Phases, p)
		}
	}
	e.Derive()
	return e
}

// sourceOf returns a result with its check.
func sourceOf(t testing.TB, r *bench.Result) Source {
	t.Helper()
	check, err := bench.Check(t.Context(), r, bench.Rescan{})
	if err != nil {
		t.Fatal(err)
	}
	return Source{Result: r, Check: check}
}

// rigs are results of three machines.
func rigs(t testing.TB) []Source {
	t.Helper()
	return []Source{
		sourceOf(t, machineResult(t, "rig 1", 1)),
		sourceOf(t, machineResult(t, "rig 2 with a name that is rather long", 1.0004)),
		sourceOf(t, machineResult(t, "rig 3", 0.7)),
	}
}

// render returns what a format writes about some sources.
func render(t testing.TB, write func(*bytes.Buffer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
