package pool

import (
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
	"stele/node/store"
)

// openStore opens a store on a file system, for the journal only.
func openStore(t *testing.T, fs vfs.FS) *store.Store {
	t.Helper()
	s, err := store.Open("data", store.Identity{Network: testNetwork.ID}, store.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The journal of the store: records come back in a new pool.
func TestStoreJournal(t *testing.T) {
	fs := vfs.NewMem()
	disk := openStore(t, fs)
	w := newWorld(t, 1, func(o *Options) { o.Journal = StoreJournal(disk) })
	records := w.builder.Records(w.tip, 100)
	w.add(t, records...)
	better := w.user(0).next(fee(100 * chaintest.Fee))
	w.Add(better) // in place of one of the others, or not, if those behind rest on it
	want := w.Best(200)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := disk.Close(); err != nil {
		t.Fatal(err)
	}
	disk = openStore(t, fs)
	defer disk.Close()
	w.open(t, func(o *Options) { o.Journal = StoreJournal(disk) })
	w.holds(t, want...)
}

// What Add has accepted survives a crash at any time, while others add and the
// pool is full.
func TestCrash(t *testing.T) {
	const clones = 20
	fs := vfs.NewCrashableMem()
	disk := openStore(t, fs)
	w := newWorld(t, 1, func(o *Options) { o.Journal = StoreJournal(disk) })
	random := rand.New(rand.NewPCG(1, 1))

	// Four authors add records one by one, and note which are accepted.
	type acknowledged struct {
		sync.Mutex
		records []*record.Record
	}
	var done acknowledged
	var ended atomic.Bool
	var authors sync.WaitGroup
	for i := range 4 {
		var mine []*record.Record
		u := w.user(i)
		for range 200 {
			mine = append(mine, u.next())
		}
		authors.Go(func() {
			for _, r := range mine {
				if ended.Load() {
					return
				}
				if err := w.Add(r)[0]; err != nil {
					t.Error(err)
					return
				}
				done.Lock()
				done.records = append(done.records, r)
				done.Unlock()
			}
		})
	}
	for range clones {
		done.Lock()
		before := append([]*record.Record(nil), done.records...)
		done.Unlock()
		crashed := openStore(t, fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: random.IntN(101), RNG: random}))
		o := w.options()
		o.Journal = StoreJournal(crashed)
		p, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range before {
			if p.Get(r.ID()) == nil {
				t.Errorf("record %v was acknowledged and is lost", r.ID())
			}
		}
		if err := crashed.Close(); err != nil {
			t.Fatal(err)
		}
	}
	ended.Store(true)
	authors.Wait()
	if err := disk.Close(); err != nil {
		t.Error(err)
	}
}

// Authors add, a miner mines, the chain reorganises now and then: each record is in the
// chain in the end. The state changes before the pool follows, as with a real chain.
func TestConcurrent(t *testing.T) {
	const authors, each = 6, 60
	w := newWorld(t, 1)
	var tip atomic.Pointer[chaintest.Block]
	tip.Store(w.tip)
	w.open(t, func(o *Options) {
		o.View = func() rules.View { return tip.Load().View() }
		o.Context = func() rules.Context { return rules.Context{Params: testNetwork, Height: tip.Load().Height() + 1} }
	})
	var all [authors][]*record.Record
	for i := range all {
		u := w.user(i)
		for range each {
			all[i] = append(all[i], u.next(until(math.MaxUint32)))
		}
	}
	var group sync.WaitGroup
	for _, mine := range all {
		group.Go(func() {
			for len(mine) > 0 {
				err := w.Add(mine[0])[0]
				reason, rejected := reject.Of(err)
				switch {
				case err == nil || reason == reject.AlreadyPooled || reason == reject.SequenceUsed:
					mine = mine[1:]
				case !rejected || reason.Permanent():
					t.Error(err)
					return
				}
				if _, err := w.NextSeq(record.Key{9}); err != nil {
					t.Error(err)
				}
				w.Stats()
			}
		})
	}
	finished := make(chan struct{})
	go func() { group.Wait(); close(finished) }()

	random := rand.New(rand.NewPCG(1, 1))
	move := func(change chain.Change, to *chaintest.Block) {
		tip.Store(to)
		if err := w.Update(change); err != nil {
			t.Error(err)
		}
	}
	mine := func() *chaintest.Block {
		now := tip.Load()
		s := rules.NewState(now.View())
		c := rules.Context{Params: testNetwork, Height: now.Height() + 1}
		if err := rules.Begin(s, c); err != nil {
			t.Fatal(err)
		}
		chosen, _, err := w.Select(s, c, Limits{Bytes: 5000, Records: 20})
		if err != nil {
			t.Fatal(err)
		}
		return w.builder.Extend(now, chosen...)
	}
	for running := true; running || w.Stats().Records > 0; {
		select {
		case <-finished:
			running = false
		default:
		}
		if w.Stats().Records == 0 {
			runtime.Gosched()
			continue
		}
		now := tip.Load()
		next := mine()
		move(chain.Change{Connected: []*block.Block{next.Block}}, next)
		if random.IntN(4) == 0 { // a longer branch without records takes over
			a := w.builder.Extend(now)
			b := w.builder.Extend(a)
			move(chain.Change{Disconnected: []*block.Block{next.Block}, Connected: []*block.Block{a.Block, b.Block}}, b)
		}
		if t.Failed() {
			break
		}
	}
	<-finished
	mined := map[record.ID]int{}
	for _, b := range tip.Load().Chain() {
		for _, r := range b.Records {
			mined[r.ID()]++
		}
	}
	for i, records := range all {
		for j, r := range records {
			if mined[r.ID()] != 1 {
				t.Errorf("record %d of author %d is %d times in the chain", j, i, mined[r.ID()])
			}
		}
	}
	w.holds(t)
}
