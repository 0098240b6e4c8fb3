package node

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/node/chain/chaintest"
	"stele/node/ledger/reject"
	"stele/node/store"
)

// No record that the pool has accepted is lost in a crash at any time, while two
// branches take turns as the chain, several goroutines submit their blocks, and others
// flush the journal: after a restart it is in a block or in the pool. The journal is
// written without the lock of the chain, so that a late removal must not hit the
// records of a block that was disconnected meanwhile.
func TestCrashWhileReorganising(t *testing.T) {
	const (
		rounds, perBlock = 60, 4
	)
	random := rand.New(rand.NewPCG(5, 5))
	b := chaintest.New(chaintest.Network(), 5)
	fs := vfs.NewCrashableMem()
	options := Options{Params: b.Params, Dir: "store", Store: store.Options{FS: fs}, now: b.Now}
	n, err := Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	records := b.Records(b.Genesis, rounds*perBlock)
	if err := errors.Join(n.pool.Add(records...)...); err != nil {
		t.Fatal(err)
	}
	// Each branch in turn becomes longer than the other one. They mine the records in
	// the same order, one of them half as fast.
	branches := [2]*chaintest.Block{b.Genesis, b.Genesis}
	var mined [2]int
	var order []*chaintest.Block
	for i := range rounds {
		side := i % 2
		for branches[side].Height() <= branches[1-side].Height() {
			first := mined[side]
			mined[side] = min(first+perBlock/(1+side), len(records))
			branches[side] = b.Extend(branches[side], records[first:mined[side]]...)
			order = append(order, branches[side])
		}
	}

	var writers sync.WaitGroup
	var running atomic.Int32
	done := make(chan struct{})
	for range 2 {
		running.Add(1)
		writers.Go(func() {
			defer running.Add(-1)
			for _, block := range order {
				if _, err := n.chain.Submit(block.Block); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var flusher sync.WaitGroup
	flusher.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			for _, err := range n.pool.Add(records[i%len(records)]) {
				if _, rejected := reject.Of(err); err != nil && !rejected {
					t.Error(err)
				}
			}
		}
	})
	for running.Load() > 0 {
		crashed := options
		crashed.Store.FS = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: random.IntN(101), RNG: random})
		again, err := Open(t.Context(), crashed)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range records {
			_, err := again.chain.Find(r.ID())
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Error(err)
			}
			if err != nil && again.pool.Get(r.ID()) == nil {
				t.Errorf("record %d is lost at height %d", i, again.chain.Tip().Height)
			}
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	}
	writers.Wait()
	close(done)
	flusher.Wait()
	if tip := n.chain.Tip(); tip.Hash != order[len(order)-1].Hash() {
		t.Errorf("the tip has height %d, want that of the last block", tip.Height)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}
