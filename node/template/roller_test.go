package template_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/engine"
	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/pool"
	"stele/node/store"
	"stele/node/template"
)

// solve returns a hit for a job, with a version that is not the job's.
func solve(job engine.Job) engine.Hit {
	encoded := job.WithVersion(5)
	header, _ := pow.DecodeHeader(encoded[:])
	chaintest.Mine(&header)
	return engine.Hit{Job: job, Version: header.Version, Nonce: header.Nonce, Hash: header.Hash()}
}

func headerOf(job engine.Job) pow.Header {
	header, _ := pow.DecodeHeader(job.Header[:])
	return header
}

func TestRoller(t *testing.T) {
	w := newWorld(t, 1)
	w.fill(t, 10)
	r := template.NewRoller(func() time.Time { return w.now })
	if _, ok := r.Next(engine.Job{}); ok {
		t.Fatal("a job without a template")
	}

	// Every header is new; a later time is enough for that.
	jobs := []engine.Job{r.Start(w.build(t))}
	next := func() {
		t.Helper()
		job, ok := r.Next(jobs[len(jobs)-1])
		if !ok {
			t.Fatal("no next job")
		}
		jobs = append(jobs, job)
	}
	next()
	next()
	w.now = w.now.Add(time.Second)
	next()
	w.now = w.now.Add(-5 * time.Second)
	next()
	jobs = append(jobs, r.Start(w.build(t, func(o *template.Options) { o.MaxRecords = 2 })))
	next()
	seen := map[[pow.HeaderSize]byte]bool{}
	for i, job := range jobs {
		if seen[job.Header] {
			t.Errorf("job %d has the header of another one", i)
		}
		seen[job.Header] = true
	}
	if a, b := headerOf(jobs[2]), headerOf(jobs[3]); a.MerkleRoot != b.MerkleRoot || b.Time != a.Time+1 {
		t.Error("a later time did not save a new Merkle root")
	}

	// Hits of all of them are good, as long as the tip is the same.
	for i, job := range jobs {
		hit := solve(job)
		b, err := r.Block(hit)
		if err != nil {
			t.Fatalf("job %d: %v", i, err)
		}
		if b.Hash() != hit.Hash {
			t.Errorf("job %d: another block", i)
		}
		w.Add(w.tip, b) // panics if it is not valid
		want := 10
		if i >= 5 {
			want = 2
		}
		if n := len(b.Records) - 1; n != want {
			t.Errorf("job %d: %d records, want %d", i, n, want)
		}
	}

	unknown := solve(jobs[0])
	unknown.Job.Header[40] ^= 1
	if _, err := r.Block(unknown); !errors.Is(err, template.ErrUnknown) {
		t.Errorf("got the error %v for a Merkle root that the roller has not made", err)
	}

	// On a new tip none of them is.
	w.tip = w.Extend(w.tip)
	fresh := r.Start(w.build(t))
	for i, job := range jobs {
		if _, err := r.Block(solve(job)); !errors.Is(err, template.ErrStale) {
			t.Errorf("job %d: got the error %v", i, err)
		}
	}
	if job, ok := r.Next(jobs[0]); !ok || headerOf(job).Prev != w.tip.Hash() {
		t.Error("the next job after a stale one is not for the new tip")
	}
	if _, err := r.Block(solve(fresh)); err != nil {
		t.Error(err)
	}
	r.Stop()
	if _, err := r.Block(solve(fresh)); !errors.Is(err, template.ErrStale) {
		t.Errorf("got the error %v after Stop", err)
	}
	if _, ok := r.Next(fresh); ok {
		t.Error("a job after Stop")
	}
}

// A roller forgets the oldest headers, not the newest.
func TestRollerForgets(t *testing.T) {
	w := newWorld(t, 1)
	r := template.NewRoller(func() time.Time { return w.now })
	first := r.Start(w.build(t))
	var last engine.Job
	for range 64 {
		last, _ = r.Next(last)
	}
	if _, err := r.Block(solve(first)); !errors.Is(err, template.ErrUnknown) {
		t.Errorf("got the error %v", err)
	}
	if _, err := r.Block(solve(last)); err != nil {
		t.Error(err)
	}
}

// The whole way: records into the pool, a template, the engine, a block of the
// chain, which purges the pool; until the pool is empty.
func TestMining(t *testing.T) {
	builder := chaintest.New(testNetwork, 1)
	verifier := record.NewVerifier(1<<10, 1)
	stored, err := store.Open("chain", store.Identity{Network: testNetwork.ID, Genesis: builder.Genesis.Hash()}, store.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer stored.Close()
	clock := func() time.Time { return time.Unix(int64(testNetwork.GenesisTime)+1_000_000, 0) }

	var waiting *pool.Pool
	tips := make(chan *chain.Tip, 64)
	c, err := chain.Open(t.Context(), chain.Options{
		Store: stored, Params: testNetwork, Verifier: verifier, Clock: clock,
		OnChange: func(change chain.Change) {
			if waiting == nil { // the genesis block
				return
			}
			if err := waiting.Update(change); err != nil {
				t.Error(err)
			}
			tips <- change.Tip
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	waiting, err = pool.New(pool.Options{
		Params: testNetwork, View: c.View, Context: c.NextContext, Verifier: verifier, Journal: pool.StoreJournal(stored),
	})
	if err != nil {
		t.Fatal(err)
	}
	var records []*record.Record
	for i := range 50 {
		r := builder.Frame(builder.Genesis, builder.Funded(builder.Genesis, i%7))
		r.Seq = uint64(i / 7)
		r.Payload = record.Pay{To: record.Key{8}, Amount: 1}
		records = append(records, builder.Sign(r))
	}
	for i, err := range waiting.Add(records...) {
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
	}
	device := engine.New([]engine.Device{engine.Reference()}, nil)
	defer device.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	roller := template.NewRoller(clock)
	jobs := make(chan engine.Job)
	blocks := make(chan *block.Block)
	var group sync.WaitGroup
	group.Go(func() {
		err := device.Mine(ctx, jobs, roller.Next, func(hit engine.Hit) {
			b, err := roller.Block(hit)
			if errors.Is(err, template.ErrStale) {
				return
			}
			if err != nil {
				t.Error(err)
			}
			select {
			case blocks <- b:
			case <-ctx.Done():
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	tips <- c.Tip()
	stale := 0
	for waiting.Stats().Records > 0 && ctx.Err() == nil {
		select {
		case tip := <-tips:
			made, err := template.Build(tip, waiting, c.View(), template.Options{Params: testNetwork, Payout: builder.Payout, MaxRecords: 20, Now: clock})
			if err != nil {
				t.Fatal(err)
			}
			jobs <- roller.Start(made)
		case b := <-blocks:
			if b.Header.Prev != c.Tip().Hash { // found before the engine heard of the new tip
				stale++
				continue
			}
			if _, err := c.Submit(b); err != nil {
				t.Fatal(err)
			}
		case <-ctx.Done():
		}
	}
	cancel()
	group.Wait()
	if height := c.Tip().Height; height != 3 {
		t.Errorf("50 records took %d blocks of 20 (%d hits were stale)", height, stale)
	}
	for _, r := range records {
		if _, found, err := stored.Find(r.ID()); !found || err != nil {
			t.Fatalf("record %v is not in the chain (%v)", r.ID(), err)
		}
	}
	if again, err := pool.New(pool.Options{Params: testNetwork, View: c.View, Context: c.NextContext, Journal: pool.StoreJournal(stored)}); err != nil || again.Stats().Records != 0 {
		t.Errorf("a new pool is not empty (%v)", err)
	}
}
