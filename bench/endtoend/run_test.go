package endtoend

import (
	"encoding/json"
	"testing"
	"time"

	"go.uber.org/goleak"

	"stele/bench"
	"stele/engine"
	"stele/engine/cpu"
	"stele/engine/miner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun(t *testing.T) {
	d, err := cpu.Open(cpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Run(t.Context(), Options{Devices: []engine.Device{d}, Plan: Plan{Rounds: 10, Phase: 500 * time.Millisecond}, VersionMask: miner.DefaultVersionMask})
	if err != nil {
		t.Fatal(err)
	}
	phases := got.Phases
	got.Phases = nil
	b, _ := json.MarshalIndent(got, "", " ")
	t.Logf("%s", b)
	for _, p := range phases[:8] {
		t.Logf("%+v", p)
	}
	_ = bench.PhaseBare
}
