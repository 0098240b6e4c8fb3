package template_test

import (
	"runtime"
	"testing"
	"time"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/pool"
	"stele/node/pool/pooltest"
	"stele/node/store"
	"stele/node/template"
)

// A node with 100,000 records in its pool, from a block that takes 4,000 of them
// to the first job on top of it (first), and to that of the full template (full):
// what the pool does about the block (follow), and the two templates.
func BenchmarkNewTip(b *testing.B) {
	const accounts, each = 5000, 20
	crowd := pooltest.NewCrowd(accounts)
	disk, err := store.Open(b.TempDir(), store.Identity{Network: crowd.Params.ID, Genesis: block.Genesis(crowd.Params).Hash()}, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer disk.Close()
	verifier := record.NewVerifier(1<<20, 0)
	clock := func() time.Time { return time.Unix(int64(crowd.Params.GenesisTime)+1e6, 0) }
	var waiting *pool.Pool
	var following, first, full time.Duration
	c, err := chain.Open(b.Context(), chain.Options{
		Store: disk, Params: crowd.Params, Verifier: verifier, Clock: clock,
		OnChange: func(change chain.Change) {
			if waiting == nil {
				return
			}
			start := time.Now()
			if err := waiting.Follow(change); err != nil {
				b.Fatal(err)
			}
			following += time.Since(start)
			if err := waiting.Flush(); err != nil {
				b.Fatal(err)
			}
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	waiting, err = pool.New(pool.Options{
		Params: crowd.Params, View: c.View, Context: c.NextContext, Verifier: verifier, Journal: pool.StoreJournal(disk),
	})
	if err != nil {
		b.Fatal(err)
	}
	add := func(encoded [][]byte) {
		for records := pooltest.Decode(encoded); len(records) > 0; {
			n := min(1024, len(records))
			waiting.Add(records[:n]...)
			records = records[n:]
		}
	}
	add(crowd.Payments(0, each))
	build := func(records int) *template.Template {
		made, err := template.Build(c.Tip(), waiting, c.View(), template.Options{
			Params: crowd.Params, Payout: record.Key{7}, Now: clock, MaxRecords: records,
		})
		if err != nil || len(made.Records) != records {
			b.Fatal(err)
		}
		made.Header(0, made.Version, made.Time)
		return made
	}
	made, next := build(template.DefaultMaxRecords), uint64(each)
	for b.Loop() {
		b.StopTimer()
		header := made.Header(0, made.Version, made.Time)
		chaintest.Mine(&header)
		// The block comes from somebody else: none of its records are the pool's own.
		solved, err := block.Decode(made.Block(0, header).Encode(), crowd.Params.MaxBlockSize)
		if err != nil {
			b.Fatal(err)
		}
		if waiting.Stats().Records < accounts*each {
			add(crowd.Payments(next, 1))
			next++
		}
		runtime.GC()
		if _, err := c.Submit(solved); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		start := time.Now()
		build(template.FirstRecords)
		first += time.Since(start)
		made = build(template.DefaultMaxRecords)
		full += time.Since(start)
	}
	b.ReportMetric(following.Seconds()*1e3/float64(b.N), "ms/follow")
	b.ReportMetric((following+first).Seconds()*1e3/float64(b.N), "ms/first")
	b.ReportMetric((following+full).Seconds()*1e3/float64(b.N), "ms/full")
}

// Another header of the same template.
func BenchmarkHeader(b *testing.B) {
	w := newWorld(b, 1)
	w.fill(b, 1000)
	made := w.build(b)
	var root pow.Hash
	for i := uint64(0); b.Loop(); i++ {
		root = made.MerkleRoot(i)
	}
	_ = root
}
