package p2p

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/p2p/simnet"
)

// The rate of a sync is compared with that of a replay of the same blocks, in real time
// and with real TLS over a network without delay. Both alternate, since the load of the
// machine changes. It takes a minute: STELE_LONG=1.
func TestSyncRate(t *testing.T) {
	if os.Getenv("STELE_LONG") == "" {
		t.Skip("STELE_LONG is not set")
	}
	const blocks, records, rounds = 1000, 100, 5
	defer func(small int64) { cacheBytes = small }(cacheBytes)
	cacheBytes = 0 // the default, as users have it
	w := &world{T: t, net: simnet.New(1), builder: chaintest.New(testNetwork, 1), begin: time.Now()}
	defer w.net.Close()
	silent := func(o *Options) { o.Log = slog.New(slog.DiscardHandler) }
	all := w.grow(w.builder.Genesis, blocks, records)
	full := w.node(silent)
	defer full.stop()
	full.give(all...)
	shared := testVerifier
	defer func() { testVerifier = shared }()
	var shares, cpuShares, locals []float64
	for range rounds {
		runtime.GC()
		replay, replayCPU := measure(func() {
			report, err := chain.Check(context.Background(), full.store, w.builder.Params, chain.CheckOptions{})
			if err != nil || report.Damage != nil {
				t.Fatalf("%+v, %v", report, err)
			}
		})
		testVerifier = record.NewVerifier(1<<17, 0) // which knows no signatures
		runtime.GC()
		n := w.node(silent, peersOf(full))
		w.waitFor(time.Minute, "the first block", func() bool { return n.chain.Tip().Height > 0 })
		first := n.chain.Tip().Height
		sync, syncCPU := measure(func() { n.reaches(lastOf(all), 10*time.Minute) })
		n.stop()
		local := w.submitAll(all)
		part := float64(blocks-first) / blocks
		locals = append(locals, part*local.Seconds()/syncCPU.Seconds())
		shares = append(shares, part*replay.Seconds()/sync.Seconds())
		cpuShares = append(cpuShares, part*replayCPU.Seconds()/syncCPU.Seconds())
		t.Logf("%d blocks: replay %v, CPU %v; sync %v, CPU of both nodes %v; submitted here, CPU %v", blocks-first, replay, replayCPU, sync, syncCPU, local)
	}
	median := func(all []float64) float64 {
		slices.Sort(all)
		return 100 * all[rounds/2]
	}
	t.Logf("sync has %.0f %% of the rate of a replay, by CPU of both nodes %.0f %%, and %.0f %% of that of blocks that are only submitted (medians)",
		median(shares), median(cpuShares), median(locals))
}

// submitAll submits blocks to a new node that has no peers and knows no signatures, and
// returns the CPU time.
func (w *world) submitAll(blocks []*chaintest.Block) time.Duration {
	testVerifier = record.NewVerifier(1<<17, 0)
	runtime.GC()
	n := w.node(func(o *Options) { o.Log = slog.New(slog.DiscardHandler) })
	defer n.stop()
	n.chain.CatchUp(true)
	_, spent := measure(func() {
		for _, b := range blocks {
			decoded, err := block.Decode(b.Encode(), w.builder.Params.MaxBlockSize)
			w.must(err)
			_, err = n.chain.Submit(decoded)
			w.must(err)
		}
	})
	return spent
}

// measure returns how long f takes, and how much CPU time the process spends meanwhile.
func measure(f func()) (took, spent time.Duration) {
	start, before := time.Now(), cpu()
	f()
	return time.Since(start), cpu() - before
}
