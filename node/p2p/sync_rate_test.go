package p2p

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"testing"
	"time"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/record"
	"stele/node/p2p/simnet"
)

// The rate of a sync is compared with that of a replay of the same blocks, in real time
// and with real TLS over a network without delay. It takes a minute: STELE_LONG=1.
func TestSyncRate(t *testing.T) {
	if os.Getenv("STELE_LONG") == "" {
		t.Skip("STELE_LONG is not set")
	}
	const blocks, records = 1000, 100
	w := &world{T: t, net: simnet.New(1), builder: chaintest.New(testNetwork, 1), begin: time.Now()}
	defer w.net.Close()
	silent := func(o *Options) { o.Log = slog.New(slog.DiscardHandler) }
	all := w.grow(w.builder.Genesis, blocks, records)
	full := w.node(silent)
	defer full.stop()
	full.give(all...)

	runtime.GC()
	start, spent := time.Now(), cpu()
	report, err := chain.Check(context.Background(), full.store, w.builder.Params, chain.CheckOptions{})
	if err != nil || report.Damage != nil {
		t.Fatalf("%+v, %v", report, err)
	}
	replay, replayCPU := time.Since(start), cpu()-spent

	shared := testVerifier
	testVerifier = record.NewVerifier(1<<17, 0) // which knows no signatures
	defer func() { testVerifier = shared }()
	runtime.GC()
	n := w.node(silent, peersOf(full))
	defer n.stop()
	w.waitFor(time.Minute, "the first block", func() bool { return n.chain.Tip().Height > 0 })
	start, spent = time.Now(), cpu()
	first := n.chain.Tip().Height
	n.reaches(lastOf(all), 10*time.Minute)
	took := time.Since(start)
	rate, bound := float64(blocks-first)/took.Seconds(), float64(blocks)/replay.Seconds()
	t.Logf("sync %.0f blocks/s, replay %.0f blocks/s: %.0f %%; CPU %v of both nodes, %v", rate, bound, 100*rate/bound, cpu()-spent, replayCPU)
	t.Logf("signatures: %+v", testVerifier.Stats())
}
