package p2p

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/node/chain"
	"stele/node/p2p/simnet"
)

// Two halves of a network that were apart for more blocks than a branch may lack agree
// on the chain with more work soon after they are connected again.
func TestHalvesAgree(t *testing.T) {
	bubble(t, func(w *world) {
		common := w.grow(w.builder.Genesis, 10, 1)
		ours := w.grow(lastOf(common), 320, 1)
		theirs := w.grow(lastOf(common), 325, 1)
		a := w.node()
		b := w.node(peersOf(a))
		c := w.node(peersOf(a))
		d := w.node(peersOf(b, c))
		all := []*testNode{a, b, c, d}
		for _, n := range all {
			n.give(common...)
		}
		w.net.Partition([]*simnet.Host{a.host, b.host}, []*simnet.Host{c.host, d.host})
		for _, n := range all[:2] {
			n.give(ours...)
		}
		for _, n := range all[2:] {
			n.give(theirs...)
		}
		time.Sleep(5 * time.Minute) // the connections end
		w.net.HealAll()
		healed := time.Now()
		for _, n := range all {
			n.reaches(lastOf(theirs), 2*time.Minute)
		}
		t.Logf("took %v", time.Since(healed))
		for _, n := range all {
			if s := n.Status(); s.Discouraged != 0 {
				t.Errorf("node %v avoids %d honest addresses: %+v", n.host.Addr(), s.Discouraged, s.Gone)
			}
		}
	})
}

// A node whose machine loses its power while it catches up goes on where its disk is.
func TestCrashInSync(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.grow(w.builder.Genesis, 400, 2)
		full := w.node()
		full.give(blocks...)
		n := w.node(peersOf(full))
		n.stop()
		n.fs = vfs.NewCrashableMem()
		w.net.SetDefault(simnet.Line{Latency: 20 * time.Millisecond, Rate: 200_000})
		rand := rand.New(rand.NewPCG(1, 2))
		n.start()
		for _, height := range []uint32{50, 120, 250} {
			w.waitFor(time.Minute, "the sync goes on", func() bool { return n.chain.Tip().Height >= height })
			crashed := n.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rand.IntN(100), RNG: rand})
			n.stop()
			n.fs = crashed
			n.start()
			t.Logf("crashed at %d, opened at %d", height, n.chain.Tip().Height)
		}
		n.reaches(lastOf(blocks), time.Minute)
		report, err := chain.Check(context.Background(), n.store, w.builder.Params, chain.CheckOptions{Workers: 1})
		if err != nil || report.Damage != nil || report.Height != 400 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}
