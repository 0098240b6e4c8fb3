package metrics

import (
	"time"

	"stele/engine"
	"stele/engine/miner"
	"stele/node/alert"
	"stele/node/chain"
	"stele/node/feed"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/pool"
	"stele/node/query"
	"stele/node/store"
	"stele/node/supervision"
	"stele/node/views"
)

var someTime = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func someMiner() miner.Status {
	reading := func(x float64) *float64 { return &x }
	return miner.Status{
		Version: "v1.2.3", Started: someTime.Add(-time.Hour), Now: someTime, State: miner.Mining,
		Devices: []miner.DeviceStatus{{
			DeviceStatus: engine.DeviceStatus{Info: engine.Info{ID: "cuda:0"}, Nonces: 3600e9, HardwareErrors: 2},
			Health:       miner.OK,
			Rates:        miner.Rates{Seconds10: 1.1e9, Minute1: 1.2e9, Minutes15: 1e9, Hour1: 1e9, Mean: 1e9},
			Sensors:      &miner.Sensors{Temperature: reading(65), Fan: reading(40), Power: reading(200), Energy: reading(720_000), Throttle: []string{"power-cap"}},
			Shares:       12,
		}},
		Sources: []miner.SourceStatus{{
			Name: "node", User: "payout", Connected: true, Active: true, Sessions: 1, Jobs: 70,
			Shares:  miner.Shares{Found: 13, Accepted: 12, Rejected: map[miner.Cause]uint64{miner.Stale: 1}, Blocks: 12},
			Latency: miner.Latency{Count: 13, P50: 2 * time.Millisecond, P99: 9 * time.Millisecond, Max: 10 * time.Millisecond},
		}},
		Work:      miner.WorkStatus{Source: "node", Height: 1201},
		JobSwitch: miner.Latency{Count: 70, P50: time.Millisecond, P99: 4 * time.Millisecond, Max: 5 * time.Millisecond},
	}
}

func someStatus() query.Status {
	mining := someMiner()
	return query.Status{
		Version: "v1.2.3", Network: "dev", Now: someTime, Started: someTime.Add(-time.Hour),
		Height: 1200, TipTime: someTime.Add(-4 * time.Second), Spacing: 3 * time.Second,
		Miner: &mining, Mined: query.Mined{Blocks: 12, Stale: 1},
		Stratum: &query.Stratum{
			Connections: 3, Workers: 2, HashRate: 5e9, Banned: 1,
			Shares: query.Shares{Accepted: 100, Stale: 4, Duplicate: 1, LowDifficulty: 2, Unauthorized: 3, Invalid: 5},
			Mined:  query.Mined{Blocks: 7, Stale: 2, Rejected: 1},
		},
		Records:  query.RecordCounts{Connected: 30_000},
		Warnings: []query.Warning{{Kind: query.TipStale, Text: "the last block is old"}},
		Trouble:  "",
	}
}

func somePeers() query.Peers {
	return query.Peers{
		MaxPeers: 128, Addresses: 400, Discouraged: 2,
		Connected: []query.Peer{
			{Kind: "full", Dropped: 3}, {Kind: "full"}, {Kind: "blocks-only"}, {Kind: "inbound", Inbound: true, Dropped: 1}, {Kind: "manual"},
		},
		Sync: query.Sync{
			State: query.SyncBlocks, Height: 1200, Target: 1500, BlocksPerSecond: 20, BytesPerSecond: 4e6, Left: 15 * time.Second,
			Open: 32, Waiting: 1 << 20, CatchingUp: true,
		},
		Counts: query.PeerCounts{
			Received: map[string]uint64{"block": 5_000_000, "ping": 800}, Sent: map[string]uint64{"ping": 900},
			MessagesIn: map[string]uint64{"block": 30, "ping": 50}, MessagesOut: map[string]uint64{"ping": 55},
			Disconnects: map[string]uint64{"stalling": 1, "full": 4},
			Rebuilds:    map[string]uint64{"whole": 20, "parts": 5, "full": 1, "failed": 1},
			Records:     map[reject.Reason]uint64{reject.SequenceGap: 6}, RecordsAccepted: 2000, Orphans: 6,
			Calls: 14, FailedCalls: 5, Accepted: 9, NotAccepted: 2,
			HeaderToConnected: []time.Duration{80 * time.Millisecond, 300 * time.Millisecond, 2 * time.Second},
		},
	}
}

func someOptions() Options {
	return Options{
		Status: someStatus,
		Peers:  somePeers,
		Miner:  someMiner,
		Pool: func() pool.Stats {
			return pool.Stats{
				Records: 300, Accounts: 40, Bytes: 90_000, Memory: 600_000, MaxBytes: 300 << 20, MinRate: 1000,
				Counts: pool.Counts{
					Accepted: 31_000, Rejected: 50, Returned: 20, Mined: 30_000, Replaced: 7, Evicted: 3, Expired: 2, Invalid: 1, Unapplied: 4,
				},
			}
		},
		Rejections: func() map[reject.Reason]uint64 {
			return map[reject.Reason]uint64{reject.FeeRateTooLow: 40, reject.BadSignature: 10}
		},
		Signatures: func() record.VerifierStats {
			return record.VerifierStats{Cached: 4000, Hits: 35_000, Checked: 36_000, Disagreements: 1}
		},
		Store: func() (store.Usage, error) {
			return store.Usage{Bytes: 5e9, Free: 1e11, Compactions: 8, Flushes: 30, Debt: 2e6, CacheHits: 9000, CacheMisses: 100}, nil
		},
		Views: func() (views.Tip, bool) { return views.Tip{Height: 1199}, true },
		Feed: func() feed.Stats {
			return feed.Stats{
				Readers: 3, Events: map[feed.Kind]uint64{feed.KindBlock: 1200, feed.KindPooled: 31_000}, Replayed: 40,
				Dropped: map[feed.DropReason]uint64{feed.DropSlow: 1}, Gaps: map[feed.GapReason]uint64{feed.GapLive: 2},
			}
		},
		Supervision: func() (supervision.Summary, error) {
			return supervision.Summary{
				Coverage: supervision.Coverage{Records: 30_010, RecordsChecked: 30_000, Why: []string{"a block is not read"}},
				Overdue:  []supervision.Waits{{For: "seller or maker", Count: 17}, {For: "seller or servicer", Count: 2}, {For: "supervisor", Count: 4}},
				Gaps:     3, Counts: supervision.Counts{supervision.Defaults: 9},
			}, nil
		},
		Alerts: func() map[alert.Kind]map[alert.State]int {
			return map[alert.Kind]map[alert.State]int{alert.Anomaly: {alert.Open: 2, alert.Acknowledged: 1, alert.Resolved: 0}}
		},
	}
}

// someMetrics are those of a node on which everything has happened.
func someMetrics() *Metrics {
	m := newMetrics(someOptions())
	m.Changed(chain.Change{Connected: make([]*block.Block, 1200)})
	m.Changed(chain.Change{Connected: make([]*block.Block, 2), Disconnected: make([]*block.Block, 1), Depth: 1})
	m.Answered("GET /v1/tip", 200, 700*time.Microsecond)
	m.Answered("POST /v1/records", 422, 3*time.Millisecond)
	m.Answered("", 429, 20*time.Microsecond)
	return m
}
