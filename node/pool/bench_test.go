package pool

import (
	"math"
	"runtime"
	"sync"
	"testing"
	"time"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/pool/pooltest"
	"stele/node/store"
)

const crowdSize = 10_000 // accounts

var (
	crowd    = sync.OnceValue(func() *pooltest.Crowd { return pooltest.NewCrowd(crowdSize) })
	payments = sync.OnceValue(func() [][]byte { return crowd().Payments(0, 10) })
)

func crowdPool(b *testing.B, edit ...func(*Options)) *Pool {
	b.Helper()
	c := crowd()
	o := Options{
		Params:   c.Params,
		View:     func() rules.View { return c.State },
		Context:  func() rules.Context { return rules.Context{Params: c.Params, Height: 1} },
		Verifier: record.NewVerifier(1<<17, 0),
	}
	for _, f := range edit {
		f(&o)
	}
	p, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func addAll(b *testing.B, p *Pool, records []*record.Record, batch int) {
	b.Helper()
	for len(records) > 0 {
		n := min(batch, len(records))
		for _, err := range p.Add(records[:n]...) {
			if err != nil {
				b.Fatal(err)
			}
		}
		records = records[n:]
	}
}

// benchmarkJournal measures how fast add puts n records into a pool with a journal on disk.
func benchmarkJournal(b *testing.B, n int, add func(p *Pool, records []*record.Record)) {
	c, best := crowd(), time.Duration(math.MaxInt64)
	for b.Loop() {
		b.StopTimer()
		disk, err := store.Open(b.TempDir(), store.Identity{Network: c.Params.ID}, store.Options{})
		if err != nil {
			b.Fatal(err)
		}
		p := crowdPool(b, func(o *Options) { o.Journal = StoreJournal(disk) })
		records := pooltest.Decode(payments()[:n])
		b.StartTimer()
		start := time.Now()
		add(p, records)
		best = min(best, time.Since(start))
		b.StopTimer()
		disk.Close()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.N)*float64(n)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(n)/best.Seconds(), "best-records/s")
}

// Records that come in, in batches of 1024.
func BenchmarkAdd(b *testing.B) {
	benchmarkJournal(b, 20_480, func(p *Pool, records []*record.Record) { addAll(b, p, records, 1024) })
}

// Records that come in one by one from many senders at once.
func BenchmarkAddAlone(b *testing.B) {
	const senders = 64
	benchmarkJournal(b, 10_000, func(p *Pool, records []*record.Record) {
		var group sync.WaitGroup
		for s := range senders {
			group.Go(func() {
				for i := s; i < len(records); i += senders {
					if err := p.Add(records[i])[0]; err != nil {
						b.Error(err)
					}
				}
			})
		}
		group.Wait()
	})
}

// The same, where the signatures are known already: the pool's own part.
func BenchmarkAddVerified(b *testing.B) {
	const n = 20_480
	verifier := record.NewVerifier(1<<17, 0)
	verifier.VerifyEach(pooltest.Decode(payments()[:n]))
	for b.Loop() {
		b.StopTimer()
		p := crowdPool(b, func(o *Options) { o.Verifier = verifier })
		records := pooltest.Decode(payments()[:n])
		b.StartTimer()
		addAll(b, p, records, 1024)
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "records/s")
}

// Forged records, each rejected after its signature was checked; and the same
// ones again.
func BenchmarkRejectForged(b *testing.B) {
	const n = 1024
	forged := func(salt byte) []*record.Record {
		records := pooltest.Decode(payments()[:n])
		for i, r := range records {
			bad := *r
			bad.Signatures = []record.Signature{r.Signatures[0]}
			bad.Signatures[0][1] ^= salt
			bad.Signatures[0][2] ^= byte(i)
			records[i] = record.New(bad)
		}
		return records
	}
	run := func(b *testing.B, p *Pool, records func() []*record.Record) {
		for b.Loop() {
			b.StopTimer()
			batch := records()
			b.StartTimer()
			for _, err := range p.Add(batch...) {
				if err == nil {
					b.Fatal("a forged record was accepted")
				}
			}
		}
		b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "records/s")
	}
	b.Run("new", func(b *testing.B) {
		salt := byte(0)
		p := crowdPool(b)
		run(b, p, func() []*record.Record { salt++; p.forged.Clear(); return forged(salt | 1) })
	})
	b.Run("again", func(b *testing.B) {
		same := forged(1)
		p := crowdPool(b)
		p.Add(same...)
		run(b, p, func() []*record.Record { return same })
	})
}

// What records take in memory, and what the pool counts for them.
func BenchmarkMemory(b *testing.B) {
	b.Run("queues of 10", func(b *testing.B) { measureMemory(b, 10*crowdSize) })
	b.Run("queues of 1", func(b *testing.B) { measureMemory(b, crowdSize) })
}

func measureMemory(b *testing.B, n int) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		before := heap()
		p := crowdPool(b)
		addAll(b, p, pooltest.Decode(payments()[:n]), 1024)
		p.o.Verifier = nil // its cache is shared with the chain, and has a bound of its own
		used := heap() - before
		b.ReportMetric(float64(used)/1e6, "MB")
		b.ReportMetric(float64(p.Stats().Memory)/1e6, "MB-counted")
		b.ReportMetric(float64(used)/float64(n), "bytes/record")
		runtime.KeepAlive(p)
	}
}
