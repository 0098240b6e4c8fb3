package telemetry

import (
	"math"
	"time"

	"stele/engine"
	"stele/engine/miner"
	"stele/engine/pow"
)

func ptr(x float64) *float64 { return &x }

func difficulty(text string) pow.Difficulty {
	d, err := pow.ParseDifficulty(text)
	if err != nil {
		panic(err)
	}
	return d
}

// someStatus is the status of a miner with a GPU, a CPU and two pools.
func someStatus() miner.Status {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.FixedZone("", 3600))
	some := miner.Shares{
		Found: 130, Accepted: 120, Pending: 1, Difficulty: 61440, Best: difficulty("1e12"), Blocks: 1, Last: now.Add(-time.Second),
		Rejected: map[miner.Cause]uint64{miner.Stale: 3, miner.Duplicate: 1, miner.Lost: 5},
	}
	return miner.Status{
		Version: "v1.2.3", Started: now.Add(-time.Hour), Now: now, State: miner.Mining,
		Devices: []miner.DeviceStatus{{
			DeviceStatus: engine.DeviceStatus{Info: engine.Info{ID: "cuda:0", Kind: "cuda", Name: "Some GPU", UUID: "GPU-1", PCI: "0000:65:00.0"}, Nonces: 3600e9, HardwareErrors: 2, Hits: 198},
			Health:       miner.OK,
			Rates:        miner.Rates{Seconds10: 1.1e9, Minute1: 1.2e9, Minutes15: 1e9, Hour1: 1e9, Mean: 1e9},
			Sensors:      &miner.Sensors{Temperature: ptr(65.4), Fan: ptr(40), Power: ptr(200), Energy: ptr(720_000), Throttle: []string{"power-cap"}},
			Shares:       129,
		}, {
			DeviceStatus: engine.DeviceStatus{Info: engine.Info{ID: "cpu", Kind: "cpu", Name: `A|B,C=D\E "F"`}},
			Health:       miner.Resting, Reason: "it is 91 degrees",
		}},
		Sources: []miner.SourceStatus{
			{Name: "stratum+tcp://a.example:3333", User: "acct.rig|1", Connected: true, Active: true, Since: now.Add(-time.Minute), Sessions: 2, Jobs: 70, Shares: some,
				Latency: miner.Latency{Count: 124, P50: 20 * time.Millisecond, P99: 90 * time.Millisecond, Max: time.Second}},
			{Name: "stratum+ssl://b.example:3334", User: "other", Error: "no route"},
		},
		Work: miner.WorkStatus{Source: "stratum+tcp://a.example:3333", ID: "7f", Height: 900_000,
			Share: difficulty("512.25"), Network: difficulty("126411437451912.23"), Received: now.Add(-9 * time.Second)},
		Counted:   miner.Rates{Seconds10: 1.1e9, Minute1: 1.2e9, Minutes15: 1e9, Hour1: 1e9, Mean: 1e9},
		Estimated: miner.Estimate{Rate: 0.9e9, Low: 0.7e9, High: math.Inf(1), Window: time.Hour, Shares: 124},
		Shares:    some,
		JobSwitch: miner.Latency{Count: 70, P50: time.Millisecond, P99: 4 * time.Millisecond, Max: 5 * time.Millisecond},
	}
}
