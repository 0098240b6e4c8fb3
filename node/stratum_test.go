package node

import (
	"context"
	"sync"
	"testing"

	"stele/engine"
	"stele/engine/cpu"
	"stele/engine/miner"
	"stele/engine/miner/stratum"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/query"
)

// testRig is "stele mine" at a node: client, miner and a device.
type testRig struct {
	*miner.Miner
	stop func()
}

func startRig(t *testing.T, address, user string) *testRig {
	t.Helper()
	client, err := stratum.New(stratum.Options{URL: "stratum+tcp://" + address, User: user, VersionMask: miner.DefaultVersionMask})
	if err != nil {
		t.Fatal(err)
	}
	device, err := cpu.Open(cpu.Options{Threads: 1}) // which the race detector does not slow down
	if err != nil {
		t.Fatal(err)
	}
	e := engine.New([]engine.Device{device}, nil)
	rig := &testRig{Miner: miner.New(miner.Options{Engine: e, Sources: []miner.Source{client}})}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := rig.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	rig.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(rig.stop)
	return rig
}

// A miner elsewhere mines the chain of a node over Stratum, for a key of its own,
// beside the node's device; also after the node was away.
func TestStratum(t *testing.T) {
	both := testOptions(t)
	both.Stratum = "127.0.0.1:0"
	alone := both
	alone.Engine = nil
	n := start(t, alone)
	both.Stratum = n.Status().Stratum.Address
	payee := record.PublicOf(network.DevFaucets()[5])
	rig := startRig(t, both.Stratum, payee.String()+".rig")
	s := n.wait("blocks", func(s query.Status) bool { return s.Stratum.Mined.Blocks >= 10 })
	if s.Stratum.Connections != 1 || s.Stratum.Workers != 1 || s.Stratum.Mined.Rejected != 0 || s.Stratum.Shares.Accepted < 10 ||
		s.Stratum.Shares.LowDifficulty+s.Stratum.Shares.Duplicate+s.Stratum.Shares.Invalid+s.Stratum.Shares.Unauthorized != 0 {
		t.Errorf("status %+v", *s.Stratum)
	}
	n.stop()

	n = start(t, both)
	n.wait("a restart, and work for both", func(s query.Status) bool { return s.Mined.Blocks >= 2 && s.Stratum.Shares.Accepted >= 2 })
	rig.stop()
	if shares := rig.Status().Shares; shares.Accepted < 12 ||
		shares.Rejected[miner.LowDifficulty]+shares.Rejected[miner.Duplicate]+shares.Rejected[miner.Invalid]+shares.Rejected[miner.Unauthorized] != 0 {
		t.Errorf("as the miner sees it: %+v", shares)
	}
	mined := map[record.Key]int{}
	for height := uint32(1); height <= n.Status().Height; height++ {
		b, err := n.chain.BlockAt(height)
		if err != nil {
			t.Fatal(err)
		}
		mined[b.Records[0].Key]++
	}
	if mined[payee] < 10 || mined[both.Payout] < 2 || len(mined) != 2 {
		t.Errorf("blocks by who is paid: %v", mined)
	}
	n.stop()
	n.check()
}

func TestStratumAddressTaken(t *testing.T) {
	o := testOptions(t)
	o.Stratum = "127.0.0.1:0"
	n := start(t, o)
	o.Dir, o.Stratum = "other", n.Status().Stratum.Address
	if other, err := Open(t.Context(), o); err == nil {
		_ = other.Close()
		t.Error("two servers at one address")
	}
}
