package node

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"stele/engine"
	"stele/engine/miner"
	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/record"
	"stele/node/pool"
	"stele/node/query"
	"stele/node/store"
	"stele/node/template"
)

// works is a session that keeps the work it is given.
type works []*miner.Work

func (w *works) Work(work *miner.Work) { *w = append(*w, work) }
func (w *works) HashRate() float64     { return 0 }

func (w *works) last() *miner.Work { return (*w)[len(*w)-1] }

// sourceWorld is a source on a chain and a pool, with a session that runs.
type sourceWorld struct {
	testing.TB
	*chaintest.Builder
	disk   *fullDisk
	store  *store.Store
	chain  *chain.Chain
	pool   *pool.Pool
	source *templateSource
	works  works
	tips   chan *chain.Tip // changes of the chain
}

func newSourceWorld(t testing.TB) *sourceWorld {
	t.Helper()
	params := chaintest.Network()
	w := &sourceWorld{TB: t, Builder: chaintest.New(params, 1), disk: new(fullDisk), tips: make(chan *chain.Tip, 1000)}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	w.store, err = store.Open("store", store.Identity{Network: params.ID, Genesis: w.Genesis.Hash()}, store.Options{FS: errorfs.Wrap(vfs.NewMem(), w.disk)})
	check(err)
	t.Cleanup(func() { check(w.store.Close()) })
	verifier := record.NewVerifier(1<<10, 1)
	w.chain, err = chain.Open(t.Context(), chain.Options{
		Store: w.store, Params: params, Verifier: verifier, Clock: w.clock,
		OnChange: func(change chain.Change) {
			if w.pool == nil { // the genesis block
				return
			}
			check(w.pool.Update(change))
			w.tips <- change.Tip
		},
	})
	check(err)
	w.pool, err = pool.New(pool.Options{
		Params: params, View: w.chain.View, Context: w.chain.NextContext, Verifier: verifier, Journal: pool.StoreJournal(w.store),
	})
	check(err)
	w.source = newTemplateSource(newBlockSubmitter(w.chain, params, w.clock, slog.New(slog.DiscardHandler)), record.Key{7})
	return w
}

func (w *sourceWorld) clock() time.Time {
	return time.Unix(int64(chaintest.Network().GenesisTime)+1_000_000, 0)
}

// run starts a session that ends with the test.
func (w *sourceWorld) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = w.source.Run(ctx, &w.works) })
	w.Cleanup(func() { cancel(); running.Wait() })
	for ready := false; !ready; time.Sleep(time.Millisecond) {
		w.source.giving.Lock()
		ready = w.source.session != nil
		w.source.giving.Unlock()
	}
}

// fill adds n payments to the pool, and returns them.
func (w *sourceWorld) fill(n int) []*record.Record {
	w.Helper()
	var records []*record.Record
	for i := range n {
		r := w.Frame(w.Genesis, w.Funded(w.Genesis, i%7))
		r.Seq = uint64(i / 7)
		r.Payload = record.Pay{To: record.Key{8}, Amount: 1}
		records = append(records, w.Sign(r))
	}
	for i, err := range w.pool.Add(records...) {
		if err != nil {
			w.Fatalf("record %d: %v", i, err)
		}
	}
	return records
}

// build makes a template of the tip with at most some records.
func (w *sourceWorld) build(maxRecords int) *template.Template {
	w.Helper()
	made, err := template.Build(w.chain.Tip(), w.pool, w.chain.View(), template.Options{
		Params: chaintest.Network(), Payout: record.Key{7}, MaxRecords: maxRecords, Now: w.clock,
	})
	if err != nil {
		w.Fatal(err)
	}
	return made
}

// solve returns a share of the work, with a version that is not the work's.
func solve(w *miner.Work, extranonce uint64) miner.Share {
	header := w.Header(extranonce, w.Time)
	header.Version |= 5 << 13
	chaintest.Mine(&header)
	return miner.Share{Work: w, Extranonce: extranonce, Header: header, Hash: header.Hash(), Device: "test"}
}

// submit submits a share of the work.
func (w *sourceWorld) submit(work *miner.Work, extranonce uint64) error {
	return work.Submit(w.Context(), solve(work, extranonce))
}

// wantStale fails unless err rejects a share as stale.
func (w *sourceWorld) wantStale(what string, err error) {
	w.Helper()
	var r *miner.Rejection
	if !errors.As(err, &r) || r.Cause != miner.Stale {
		w.Errorf("%s: got the error %v, want a stale share", what, err)
	}
}

// wantCounts fails unless the source has counted that.
func (w *sourceWorld) wantCounts(want query.Mined) {
	w.Helper()
	if got := w.source.counts.status(); got != want {
		w.Errorf("counted %+v, want %+v", got, want)
	}
}

// Every header of a work is another one, of the template that the work is for; a
// later time needs no new Merkle root.
func TestSourceHeaders(t *testing.T) {
	w := newSourceWorld(t)
	w.fill(10)
	made := w.build(0)
	w.source.take(made) // before there is a session
	w.run()
	w.source.take(w.build(2))
	if len(w.works) != 2 {
		t.Fatalf("%d works", len(w.works))
	}
	first := w.works[0]
	if first.Target != made.Target || first.VersionMask != template.VersionMask || first.Time != made.Time || first.Height != made.Height || first.Clean {
		t.Errorf("work %+v", first)
	}
	if got, want := first.Header(3, first.Time+1), made.Header(3, made.Version, made.Time+1); got != want {
		t.Errorf("header %+v, want %+v", got, want)
	}
	seen := map[pow.Header]bool{}
	for _, work := range w.works {
		for extranonce := range uint64(3) {
			a, b := work.Header(extranonce, work.Time), work.Header(extranonce, work.Time+1)
			if a.MerkleRoot != b.MerkleRoot {
				t.Error("a later time has another Merkle root")
			}
			seen[a], seen[b] = true, true
		}
	}
	if len(seen) != 12 {
		t.Errorf("%d headers of 12 differ", len(seen))
	}
}

// A block of every template of the tip is good, with every extranonce.
func TestSourceSubmit(t *testing.T) {
	for i, want := range []int{10, 10, 2, 2} {
		w := newSourceWorld(t)
		w.fill(10)
		w.run()
		w.source.take(w.build(0))
		w.source.take(w.build(2))
		work := w.works[i/2]
		if !work.Wanted() {
			t.Errorf("%d: no block is wanted", i)
		}
		share := solve(work, uint64(i))
		if err := work.Submit(t.Context(), share); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		b, err := w.chain.BlockAt(1)
		if err != nil {
			t.Fatal(err)
		}
		if b.Hash() != share.Hash || len(b.Records)-1 != want || b.Records[0].Key != (record.Key{7}) {
			t.Errorf("%d: block %v with %d records for %v, want %v with %d", i, b.Hash(), len(b.Records)-1, b.Records[0].Key, share.Hash, want)
		}
		w.wantCounts(query.Mined{Blocks: 1})
	}
}

// On a new tip the work before is stale. What comes after the node's own block is
// not even counted.
func TestSourceStale(t *testing.T) {
	w := newSourceWorld(t)
	w.run()
	w.source.take(w.build(0))
	old := w.works.last()
	other := w.Extend(w.Genesis)
	if _, err := w.chain.Submit(other.Block); err != nil {
		t.Fatal(err)
	}
	for _, taken := range []bool{false, true} {
		if taken {
			w.source.take(w.build(0))
		}
		if !old.Wanted() {
			t.Error("a stale block is not wanted, so it would not be counted")
		}
		w.wantStale("after somebody else's block", w.submit(old, 1))
	}
	w.wantCounts(query.Mined{Stale: 2})

	own := w.works.last()
	if own.Header(0, own.Time).Prev != other.Hash() {
		t.Error("the next work is not for the new tip")
	}
	if err := w.submit(own, 1); err != nil {
		t.Fatal(err)
	}
	for _, taken := range []bool{false, true} {
		if taken {
			w.source.take(w.build(0))
		}
		if own.Wanted() {
			t.Error("a second block on the same parent is wanted")
		}
		if err := w.submit(own, 2); !errors.Is(err, miner.ErrNotWanted) {
			t.Errorf("after the node's own block: %v", err)
		}
	}
	w.wantCounts(query.Mined{Blocks: 1, Stale: 2})

	// Without a template there is nothing to mine, and blocks until then are stale.
	last := w.works.last()
	w.source.take(nil)
	if w.works.last() != nil {
		t.Error("there is work without a template")
	}
	w.wantStale("without a template", w.submit(last, 1))
	w.source.take(w.build(0))
	if err := w.submit(w.works.last(), 1); err != nil {
		t.Error(err)
	}
}

// A source forgets the oldest templates of a tip, not the newest.
func TestSourceForgets(t *testing.T) {
	w := newSourceWorld(t)
	w.run()
	for range maxOpenJobs + 1 {
		w.source.take(w.build(0))
	}
	if len(w.source.open) != maxOpenJobs {
		t.Errorf("%d templates are kept", len(w.source.open))
	}
	w.wantStale("the first template", w.submit(w.works[0], 1))
	if err := w.submit(w.works.last(), 1); err != nil {
		t.Error(err)
	}
	w.source.take(w.build(0))
	if len(w.source.open) != 1 {
		t.Errorf("on a new tip %d templates are kept", len(w.source.open))
	}
}

// Of many blocks on the same parent one is accepted, and no other is counted.
func TestSourceManyBlocks(t *testing.T) {
	w := newSourceWorld(t)
	w.run()
	w.source.take(w.build(0))
	work := w.works.last()
	errs := make(chan error)
	const blocks = 50
	for i := range uint64(blocks) {
		share := solve(work, i)
		go func() { errs <- work.Submit(t.Context(), share) }()
	}
	accepted := 0
	for range blocks {
		if err := <-errs; err == nil {
			accepted++
		} else if !errors.Is(err, miner.ErrNotWanted) {
			t.Error(err)
		}
	}
	if accepted != 1 || w.chain.Tip().Height != 1 {
		t.Errorf("%d blocks accepted, height %d", accepted, w.chain.Tip().Height)
	}
	w.wantCounts(query.Mined{Blocks: 1})
}

// A block that a full disk does not take is lost, and the next one is good once
// there is space. A closed source takes none.
func TestSourceFullDisk(t *testing.T) {
	w := newSourceWorld(t)
	w.run()
	w.source.take(w.build(0))
	work := w.works.last()
	w.disk.full.Store(true)
	if err := w.submit(work, 1); !errors.Is(err, miner.ErrLost) || !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, chain.ErrStopped) {
		t.Errorf("on a full disk: %v", err)
	}
	w.disk.full.Store(false)
	if !work.Wanted() {
		t.Error("no further block is wanted")
	}
	if err := w.submit(work, 2); err != nil {
		t.Error(err)
	}
	w.wantCounts(query.Mined{Blocks: 1})
	w.source.take(w.build(0))
	w.source.close()
	if err := w.submit(w.works.last(), 1); !errors.Is(err, miner.ErrNotWanted) {
		t.Errorf("closed: %v", err)
	}
}

// A block that the chain rejects is a fault of the program, and an invalid share.
func TestSourceRejected(t *testing.T) {
	w := newSourceWorld(t)
	w.run()
	w.source.take(w.build(0))
	work := w.works.last()
	share := solve(work, 1)
	share.Header.Bits++ // what the chain does not accept
	chaintest.Mine(&share.Header)
	var r *miner.Rejection
	if err := work.Submit(t.Context(), share); !errors.As(err, &r) || r.Cause != miner.Invalid || r.Text == "" {
		t.Errorf("got %v", err)
	}
	w.wantCounts(query.Mined{Rejected: 1})
}

// The whole way: records into the pool, a template, the miner, a block of the
// chain, which purges the pool; until the pool is empty.
func TestMining(t *testing.T) {
	w := newSourceWorld(t)
	records := w.fill(50)
	device := engine.New([]engine.Device{engine.Reference()}, nil)
	defer device.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	m := miner.New(miner.Options{Engine: device, Sources: []miner.Source{w.source}})
	var running sync.WaitGroup
	running.Go(func() {
		if err := m.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	w.tips <- w.chain.Tip()
	for w.pool.Stats().Records > 0 && ctx.Err() == nil {
		select {
		case tip := <-w.tips:
			if tip.Hash == w.chain.Tip().Hash && w.pool.Stats().Records > 0 {
				w.source.take(w.build(20))
			}
		case <-ctx.Done():
		}
	}
	cancel()
	running.Wait()
	if height := w.chain.Tip().Height; height != 3 {
		t.Errorf("50 records took %d blocks of 20", height)
	}
	w.wantCounts(query.Mined{Blocks: 3})
	for _, r := range records {
		if _, found, err := w.store.Find(r.ID()); !found || err != nil {
			t.Fatalf("record %v is not in the chain (%v)", r.ID(), err)
		}
	}
	params := chaintest.Network()
	if again, err := pool.New(pool.Options{Params: params, View: w.chain.View, Context: w.chain.NextContext, Journal: pool.StoreJournal(w.store)}); err != nil || again.Stats().Records != 0 {
		t.Errorf("a new pool is not empty (%v)", err)
	}
}
