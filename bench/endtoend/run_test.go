package endtoend

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"stele/bench"
	"stele/engine"
	"stele/engine/cpu"
	"stele/engine/miner"
	"stele/engine/pow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// someDevice is a device that a test controls. It works on one lane.
type someDevice struct {
	engine.Device
	id     string
	slower time.Duration // for each thousand nonces
	calls  atomic.Int64
	dies   int64 // at this call; 0: never
}

func newDevice(t *testing.T, id string) *someDevice {
	t.Helper()
	d, err := cpu.Open(cpu.Options{Threads: 1, Kernel: "pure"})
	if err != nil {
		t.Fatal(err)
	}
	return &someDevice{Device: d, id: id}
}

func (d *someDevice) Info() engine.Info { return engine.Info{ID: d.id, Kind: "fake", Lanes: 1} }

var errDied = errors.New("fell off the bus")

func (d *someDevice) Scan(ctx context.Context, job *engine.Job, r pow.Range, early func([]uint32)) (engine.ScanResult, error) {
	if d.calls.Add(1) == d.dies {
		return engine.ScanResult{}, errDied
	}
	const step = 1 << 10
	var all engine.ScanResult
	for all.Done < r.Count {
		part := pow.Range{First: r.First + uint32(all.Done), Count: min(step, r.Count-all.Done)}
		got, err := d.Device.Scan(ctx, job, part, early)
		all.Done, all.Nonces = all.Done+got.Done, append(all.Nonces, got.Nonces...)
		if err != nil {
			return all, err
		}
		if d.slower > 0 {
			select {
			case <-time.After(d.slower):
			case <-ctx.Done():
			}
		}
	}
	return all, nil
}

// A real miner on the processor and a pool on a real socket: every phase is measured, every
// share accepted, and the figures agree with each other.
func TestRun(t *testing.T) {
	d, err := cpu.Open(cpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	before := runtime.GOMAXPROCS(0)
	plan := Plan{Rounds: 3, Phase: 200 * time.Millisecond}
	done := 0.0
	got, err := Run(t.Context(), Options{Devices: []engine.Device{d}, Plan: plan, VersionMask: miner.DefaultVersionMask,
		Progress: func(x float64) { done = x }})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Phases) != 12 || done != 1 || got.Incomplete != "" || got.Kept.Pairs != 3 {
		t.Fatalf("%d phases, progress %v, %+v", len(got.Phases), done, got)
	}
	// Rates on a busy machine say nothing; counts do.
	if got.Shares == nil || got.Shares.Accepted < 100 || got.Shares.Rejected != 0 || got.Shares.Stale != 0 {
		t.Errorf("shares %+v", got.Shares)
	}
	for _, f := range got.Flags {
		if f == bench.FlagSharesDisagree || f == bench.FlagRejected || f == bench.FlagIncomplete {
			t.Errorf("flag %s: %+v", f, got.Shares)
		}
	}
	for _, p := range got.Phases {
		if p.Devices["cpu"] == 0 || p.Seconds < plan.Phase.Seconds() || p.Rejected != 0 || (p.Kind == bench.PhaseSwitching) != (len(p.Switches) > 0) {
			t.Errorf("%+v", p)
		}
	}
	if runtime.GOMAXPROCS(0) != before {
		t.Errorf("GOMAXPROCS %d, before %d", runtime.GOMAXPROCS(0), before)
	}
}

// Of a slow and a fast device each has its part, without version rolling too.
func TestRunTwoDevices(t *testing.T) {
	t.Parallel()
	fast, slow := newDevice(t, "fast"), newDevice(t, "slow")
	fast.slower, slow.slower = 2*time.Millisecond, 60*time.Millisecond
	got, err := Run(t.Context(), Options{Devices: []engine.Device{fast, slow}, Plan: Plan{Rounds: 2, Phase: 250 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	b := got.Balance
	if len(b) != 2 || b[0].Device != "fast" || b[0].Part < 0.6 || b[1].Part == 0 || b[0].Alone == nil || *b[0].Stalls < 0 || *b[0].Stalls > 0.5 {
		t.Errorf("balance %+v", b)
	}
	if e := got; e.Phases[0].CPU != 0 {
		t.Errorf("processor time %v without a CPU", e.Phases[0].CPU)
	}
}

// What was measured before a device died is kept, with the reason.
func TestRunDeviceDies(t *testing.T) {
	t.Parallel()
	whole := newDevice(t, "whole")
	dies := newDevice(t, "dies")
	whole.slower, dies.slower = time.Millisecond, time.Millisecond
	plan := Plan{Rounds: 1000, Phase: 50 * time.Millisecond}
	dies.dies = 40
	got, err := Run(t.Context(), Options{Devices: []engine.Device{whole, dies}, Plan: plan})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got.Incomplete, "fell off the bus") || !strings.Contains(got.Incomplete, "dies") || got.Kept == nil || got.Flags[len(got.Flags)-1] != bench.FlagIncomplete {
		t.Errorf("incomplete %q, flags %q, %d phases", got.Incomplete, got.Flags, len(got.Phases))
	}
	dies = newDevice(t, "dies")
	dies.dies = 1
	if _, err := Run(t.Context(), Options{Devices: []engine.Device{dies}, Plan: plan}); !errors.Is(err, errDied) {
		t.Errorf("dead from the start: %v", err)
	}
	dies = newDevice(t, "dies")
	dies.dies, dies.slower = 3, time.Millisecond
	if _, err := Run(t.Context(), Options{Devices: []engine.Device{dies}, Plan: plan}); !errors.Is(err, ErrDevice) {
		t.Errorf("dead before a whole round: %v", err)
	}
}

func TestRunCancelled(t *testing.T) {
	t.Parallel()
	d := newDevice(t, "a")
	ctx, cancel := context.WithCancel(t.Context())
	phases := 0
	_, err := Run(ctx, Options{Devices: []engine.Device{d}, Plan: Plan{Rounds: 100, Phase: 20 * time.Millisecond}, Progress: func(float64) {
		if phases++; phases == 5 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || phases > 6 {
		t.Errorf("%v after %d phases", err, phases)
	}
}
