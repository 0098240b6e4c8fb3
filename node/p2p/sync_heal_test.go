package p2p

import (
	"context"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"stele/node/chain"
	"stele/node/p2p/blocksync"
	"stele/node/p2p/simnet"
)

// Two halves of a network that were apart for more blocks than a branch may lack agree
// on the chain with more work within ten seconds after the network is whole again, although
// no connection has survived.
func TestHalvesAgree(t *testing.T) {
	bubble(t, func(w *world) {
		common := w.grow(w.builder.Genesis, 10, 1)
		ours := w.grow(lastOf(common), 400, 1)
		theirs := w.grow(lastOf(common), 401, 1)
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
			n.reaches(lastOf(theirs), 10*time.Second)
		}
		t.Logf("took %v", time.Since(healed))
		for _, n := range all {
			if s := n.Status(); s.Discouraged != 0 {
				t.Errorf("node %v avoids %d honest addresses: %+v", n.host.Addr(), s.Discouraged, s.Gone)
			}
		}
	})
}

// Two halves agree within ten seconds after a partition, whether their connections survive
// or not, and also after 400 blocks on each side.
func TestPartitionHeals(t *testing.T) {
	long := 400
	if raceDetector {
		long = 60
	}
	for _, test := range []struct {
		length int
		wait   time.Duration // after the blocks
	}{
		{3, 0}, {long, 0}, {long, 5 * time.Minute},
	} {
		length := test.length
		bubble(t, func(w *world) {
			ours, theirs := w.grow(w.builder.Genesis, length, 1), w.grow(w.builder.Genesis, length+1, 1)
			all := w.mesh(6, 3)
			time.Sleep(time.Second)
			var hosts []*simnet.Host
			for _, n := range all {
				hosts = append(hosts, n.host)
			}
			w.net.Partition(hosts[:3], hosts[3:])
			for i := range theirs {
				if i < len(ours) {
					all[0].give(ours[i])
				}
				all[5].give(theirs[i])
				time.Sleep(10 * time.Second / time.Duration(length))
			}
			all[0].reaches(lastOf(ours), time.Minute)
			time.Sleep(test.wait)
			w.net.HealAll()
			healed := time.Now()
			for _, n := range all {
				n.reaches(lastOf(theirs), time.Until(healed.Add(10*time.Second)))
			}
			t.Logf("%d blocks on each side, apart for %v more: took %v", length, test.wait, time.Since(healed))
			for _, n := range all {
				if s := n.Status(); s.Discouraged != 0 || test.wait == 0 && len(s.Gone) != 0 {
					t.Errorf("node %v: %d avoided, gone %+v", n.host.Addr(), s.Discouraged, s.Gone)
				}
			}
		})
	}
}

// Two nodes that lost each other agree within ten seconds after they can connect again,
// whoever of them names the other, and also if each does.
func TestLostPeerComesBack(t *testing.T) {
	for _, apart := range []time.Duration{15 * time.Second, time.Minute, 77 * time.Second, 100 * time.Second, 201 * time.Second, 10 * time.Minute, time.Hour} {
		for _, mutual := range []bool{false, true} {
			bubble(t, func(w *world) {
				common := w.grow(w.builder.Genesis, 1, 0) // in a first sync the headers of one peer do not do at once
				blocks := w.grow(common[0], 3, 1)
				a := w.node(func(o *Options) {
					if mutual {
						o.Peers = []string{"10.2.0.1:28699"}
					}
				})
				b := w.node(peersOf(a))
				a.give(common...)
				b.reaches(common[0], 10*time.Second)
				time.Sleep(time.Minute)
				w.net.Cut(a.host, b.host)
				a.give(blocks...)
				time.Sleep(apart)
				w.net.HealAll()
				healed := time.Now()
				b.reaches(lastOf(blocks), 10*time.Second)
				t.Logf("apart for %v, mutual %v: took %v", apart, mutual, time.Since(healed))
			})
		}
	}
}

// smallDisk has no space for writes while it is full.
type smallDisk struct{ isFull atomic.Bool }

func (d *smallDisk) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && d.isFull.Load() {
		return syscall.ENOSPC
	}
	return nil
}

func (d *smallDisk) String() string { return "disk" }

// A node whose disk is full keeps its peers, asks for no more than it can hold, and goes on
// when there is space.
func TestFullDisk(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.grow(w.builder.Genesis, 1000, 0)
		full := w.node()
		full.give(blocks...)
		n := w.node(peersOf(full))
		n.stop()
		disk := new(smallDisk)
		n.fs = errorfs.Wrap(vfs.NewMem(), disk)
		n.start()
		w.waitFor(time.Minute, "the sync has begun", func() bool { return n.chain.Tip().Height >= 100 })
		disk.isFull.Store(true)
		time.Sleep(3 * time.Minute)
		got := n.Status()
		if len(got.Connected) != 1 || len(got.Gone) != 0 || got.Discouraged != 0 {
			t.Errorf("with a full disk: %+v", got)
		}
		if h := n.chain.Tip().Height; h == 1000 || n.chain.Err() == nil {
			t.Errorf("the disk was not full: height %d", h)
		}
		if in := got.Counts.MessagesIn["block"]; in > uint64(n.chain.Tip().Height)+blocksync.Window {
			t.Errorf("%d bodies came at height %d", in, n.chain.Tip().Height)
		}
		disk.isFull.Store(false)
		n.reaches(lastOf(blocks), time.Minute)
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
		disk := vfs.NewCrashableMem()
		n.fs = disk
		w.net.SetDefault(simnet.Line{Latency: 20 * time.Millisecond, Rate: 200_000})
		rand := rand.New(rand.NewPCG(1, 2))
		n.start()
		crashes := 5
		if os.Getenv("STELE_LONG") != "" {
			crashes = 100
		}
		for range crashes {
			if n.chain.Tip().Height > 300 { // once more from the beginning
				n.stop()
				disk = vfs.NewCrashableMem()
				n.fs = disk
				n.start()
			}
			height := n.chain.Tip().Height + uint32(rand.IntN(90))
			w.waitFor(time.Minute, "the sync goes on", func() bool { return n.chain.Tip().Height >= height })
			crashed := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rand.IntN(101), RNG: rand})
			tip := n.chain.Tip().Height
			n.stop()
			disk, n.fs = crashed, crashed
			n.start()
			t.Logf("crashed at %d, opened at %d", tip, n.chain.Tip().Height)
		}
		n.reaches(lastOf(blocks), time.Minute)
		report, err := chain.Check(context.Background(), n.store, w.builder.Params, chain.CheckOptions{Workers: 1})
		if err != nil || report.Damage != nil || report.Height != 400 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// When a download stops on the way, what it has brought is durable soon.
func TestPauseIsDurable(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.grow(w.builder.Genesis, 200, 0)
		n := w.node()
		n.stop()
		disk := vfs.NewCrashableMem()
		n.fs = disk
		n.start()
		go w.greet(n, w.host(), withBlocks(blocks)).serve(blocks, withhold(blocks[100]))
		n.reaches(blocks[99], time.Minute)
		time.Sleep(maxUnsynced + 2*idleTick)
		if !n.CatchingUp() {
			t.Fatal("it does not catch up")
		}
		crashed := disk.CrashClone(vfs.CrashCloneCfg{})
		n.stop()
		n.fs = crashed
		n.start()
		if got := n.chain.Tip().Height; got != 100 {
			t.Errorf("height %d is durable, want 100", got)
		}
	})
}
