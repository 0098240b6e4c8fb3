package stratum_test

import (
	"context"
	"sync"
	"testing"

	"stele/engine"
	"stele/engine/miner"
	"stele/engine/miner/stratum"
	"stele/engine/stratum/stratumtest"
)

// A miner at a pool that changes everything it can, and loses its connections. The pool
// checks all shares independently, and none is duplicate, of low difficulty or invalid.
func TestMine(t *testing.T) {
	pool := stratumtest.New(t, stratumtest.Options{
		Difficulty: "1e-6", // some 4000 hashes each
		Resume:     true,
		Share: func(n int) stratumtest.Reaction {
			switch n {
			case 15:
				return stratumtest.HangUp
			case 30:
				return stratumtest.HangUpOn
			}
			return stratumtest.Serve
		},
	})
	client, err := stratum.New(stratum.Options{URL: pool.URL(), User: "w", VersionMask: miner.DefaultVersionMask})
	if err != nil {
		t.Fatal(err)
	}
	e := engine.New([]engine.Device{engine.Reference()}, nil)
	m := miner.New(miner.Options{Engine: e, Sources: []miner.Source{client}})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := m.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	accepted := func(n int) {
		t.Helper()
		n += pool.Accepted()
		pool.Wait(func(p *stratumtest.Pool) bool { return p.Accepted() >= n })
	}
	accepted(10)
	pool.Notify(stratumtest.MakeJob(1, 2, false))
	accepted(10) // over a connection that breaks
	pool.SetDifficulty("2e-6")
	pool.Notify(stratumtest.MakeJob(2, 1, true))
	accepted(15) // and another
	pool.SetMask(0x6000)
	pool.SetExtranonce("0123456789", 3)
	accepted(5)
	pool.Notify(stratumtest.MakeJob(2, 2, false))
	accepted(10)
	pool.Notify(stratumtest.MakeJob(3, 1, false))
	accepted(5)
	cancel()
	wg.Wait()
	if err := e.Close(); err != nil {
		t.Error(err)
	}

	versions := map[uint32]bool{}
	masked := 0
	for _, s := range pool.Shares() {
		versions[s.Version] = true
		switch s.Code {
		case 0:
		case 20: // on its way when the mask changed
			masked++
		case 21: // on its way when the job changed
		case 22: // sent again after the connection broke
		default:
			t.Errorf("rejected: %+v", s)
		}
	}
	if len(versions) < 2 {
		t.Errorf("versions %v: none was rolled", versions)
	}
	if pool.Connections() != 3 {
		t.Errorf("%d connections", pool.Connections())
	}
	// As the miner sees it, what was sent twice is accepted.
	shares := m.Status().Shares
	if n := shares.Rejected[miner.Duplicate] + shares.Rejected[miner.LowDifficulty] + shares.Rejected[miner.Unauthorized]; n != 0 || shares.Rejected[miner.Invalid] > uint64(masked) {
		t.Errorf("rejected: %v", shares.Rejected)
	}
	if shares.Accepted == 0 || shares.Accepted > uint64(pool.Accepted()) {
		t.Errorf("%d accepted as the miner counts, %d as the pool does", shares.Accepted, pool.Accepted())
	}
}
