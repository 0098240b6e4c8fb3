package pool

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/store"
)

// ledgerNode is a chain and a pool with one store, as a node has them.
type ledgerNode struct {
	store *store.Store
	chain *chain.Chain
	pool  *Pool
}

func openNode(t *testing.T, fs vfs.FS, b *chaintest.Builder, edit ...func(*chain.Options, *Options)) *ledgerNode {
	t.Helper()
	var n ledgerNode
	var err error
	id := store.Identity{Network: b.Params.ID, Genesis: b.Genesis.Hash()}
	if n.store, err = store.Open("data", id, store.Options{FS: fs}); err != nil {
		t.Fatal(err)
	}
	chainOptions := chain.Options{
		Store: n.store, Params: b.Params, Clock: b.Now,
		OnChange: func(change chain.Change) {
			if err := n.pool.Follow(change); err != nil {
				t.Error(err)
			}
		},
		Flush: func() {
			if err := n.pool.Flush(); err != nil {
				t.Error(err)
			}
		},
	}
	o := Options{
		Params: b.Params, Journal: StoreJournal(n.store),
		View:    func() rules.View { return n.chain.View() },
		Context: func() rules.Context { return n.chain.NextContext() },
	}
	for _, f := range edit {
		f(&chainOptions, &o)
	}
	if n.chain, err = chain.Open(t.Context(), chainOptions); err != nil {
		t.Fatal(err)
	}
	if n.pool, err = New(o); err != nil {
		t.Fatal(err)
	}
	return &n
}

func (n *ledgerNode) submit(t *testing.T, want chain.Outcome, b *chaintest.Block) {
	t.Helper()
	if got, err := n.chain.Submit(b.Block); got != want || err != nil {
		t.Fatalf("height %d: %v, %v, want %v", b.Height(), got, err, want)
	}
}

// whereIs says whether a record is in the chain and whether it is in the pool.
func (n *ledgerNode) whereIs(t *testing.T, r *record.Record) (mined, waits bool) {
	t.Helper()
	_, mined, err := n.store.Find(r.ID())
	if err != nil {
		t.Fatal(err)
	}
	return mined, n.pool.Get(r.ID()) != nil
}

func (n *ledgerNode) journaled(t *testing.T) int {
	t.Helper()
	records := 0
	if err := n.store.Pool(func(record.ID, []byte) error { records++; return nil }); err != nil {
		t.Fatal(err)
	}
	return records
}

// pictures are what crashes before the operations of a file system would leave.
type pictures struct {
	mu    sync.Mutex
	fs    *vfs.MemFS
	on    bool
	rng   *rand.Rand
	taken []*vfs.MemFS
}

func (p *pictures) MaybeError(errorfs.Op) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.on {
		unsynced := []int{0, 50, 100}[len(p.taken)%3]
		p.taken = append(p.taken, p.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: p.rng}))
	}
	return nil
}

func (p *pictures) String() string { return "pictures" }

func (p *pictures) turn(on bool) {
	p.mu.Lock()
	p.on = on
	p.mu.Unlock()
}

// A crash at any moment of a reorganisation loses no record that was
// acknowledged: it is in the chain or in the pool, and never in both. One of
// the records is in blocks of both branches.
func TestCrashInReorganisation(t *testing.T) {
	t.Run("flushed", func(t *testing.T) { crashInReorganisation(t, false) })
	// The previous Submit has not flushed yet, and Add flushes meanwhile: it must not
	// drop from the journal what the chain puts back.
	t.Run("late flush", func(t *testing.T) { crashInReorganisation(t, true) })
}

func crashInReorganisation(t *testing.T, late bool) {
	b := chaintest.New(chaintest.Network(), 11)
	mem := vfs.NewCrashableMem()
	camera := &pictures{fs: mem, rng: rand.New(rand.NewPCG(1, 1))}
	isPaused := false // the flush of Submit
	n := openNode(t, errorfs.Wrap(mem, camera), b, func(o *chain.Options, _ *Options) {
		flush, follow := o.Flush, o.OnChange
		o.Flush = func() {
			if !isPaused {
				flush()
			}
		}
		o.OnChange = func(change chain.Change) {
			if late && len(change.Disconnected) > 0 {
				flush() // by Add
			}
			follow(change)
		}
	})
	first := b.Records(b.Genesis, 3)
	a1 := b.Extend(b.Genesis, first...)
	second := b.Records(a1, 3)
	a2 := b.Extend(a1, second...)
	x1 := b.Extend(b.Genesis, first[0])
	x2 := b.Extend(x1)
	x3 := b.Extend(x2)
	records := append(first, second...)

	give := func(records []*record.Record) {
		t.Helper()
		for _, err := range n.pool.Add(records...) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	give(first)
	n.submit(t, chain.Extended, a1)
	give(second)
	isPaused = late
	n.submit(t, chain.Extended, a2)
	isPaused = false
	if got := n.journaled(t); got != 0 && !late {
		t.Errorf("%d records that are mined are still in the journal", got)
	}
	n.submit(t, chain.SideBranch, x1)
	n.submit(t, chain.SideBranch, x2)
	camera.turn(true)
	n.submit(t, chain.Reorganized, x3)
	camera.turn(false)
	oneOfBoth := func(n *ledgerNode, when string, i int) {
		t.Helper()
		for j, r := range records {
			if mined, waits := n.whereIs(t, r); mined == waits {
				t.Errorf("%s %d, height %d: record %d is mined: %v, in the pool: %v", when, i, n.chain.Tip().Height, j, mined, waits)
			}
		}
	}
	oneOfBoth(n, "no crash", 0)
	if got := n.journaled(t); got != len(records)-1 {
		t.Errorf("%d records in the journal, %d wait", got, len(records)-1)
	}
	if err := n.store.Close(); err != nil {
		t.Fatal(err)
	}

	if len(camera.taken) < 6 {
		t.Fatalf("only %d pictures of 6 batches", len(camera.taken))
	}
	for i, fs := range camera.taken {
		n := openNode(t, fs, b)
		oneOfBoth(n, "crash", i)
		if err := n.store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// brokenJournal fails as long as broken is set, and counts what it has done.
type brokenJournal struct {
	Journal
	broken         bool
	added, dropped int
}

func (j *brokenJournal) Save(add []*record.Record, drop []record.ID) error {
	if j.broken {
		return errors.New("broken")
	}
	j.added, j.dropped = j.added+len(add), j.dropped+len(drop)
	return nil
}

func (j *brokenJournal) Load(func(record.ID, []byte) error) error { return nil }

// A drop that failed is not tried again, since the record could be back in the journal by
// then. An addition is.
func TestLateDrop(t *testing.T) {
	j := &brokenJournal{}
	w := newWorld(t, 1, func(o *Options) { o.Journal = j })
	records := w.builder.Records(w.tip, 2)
	w.add(t, records...)
	j.broken = true
	w.mine(t, records...)
	other := w.builder.Records(w.tip, 1)
	if err := w.Add(other...)[0]; err == nil {
		t.Error("a record was acknowledged that is not in the journal")
	}
	j.broken = false
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if j.added != 3 || j.dropped != 0 {
		t.Errorf("%d added, %d dropped, want 3 and none", j.added, j.dropped)
	}
}
