package pool

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"stele/node/block"
	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger"
	"stele/node/network"
	"stele/node/record"
	"stele/node/store"
)

const (
	crowdSize  = 10_000 // accounts
	crowdQueue = 10     // records of each
)

// crowd is many accounts with many records: their encodings, those of an
// account in order, one account after the other in turn.
type crowd struct {
	params  *network.Params
	state   view
	records [][]byte
}

var newCrowd = sync.OnceValue(func() *crowd {
	keys := make([]record.PrivateKey, crowdSize)
	for i := range keys {
		keys[i] = record.KeyFromSeed([32]byte(binary.LittleEndian.AppendUint64(make([]byte, 24), uint64(i))))
	}
	c := &crowd{state: view{}}
	c.params = chaintest.Network(func(p *network.Params) {
		p.Alloc = nil
		for _, key := range keys {
			p.Alloc = append(p.Alloc, network.Allocation{Key: record.PublicOf(key), Amount: record.Coin})
		}
	})
	for _, change := range ledger.Genesis(c.params) {
		c.state[string(change.Key)] = change.New
	}
	random := rand.New(rand.NewPCG(1, 2))
	for seq := range uint64(crowdQueue) {
		for i, key := range keys {
			r, err := record.Sign(record.New(record.Record{
				Network:    c.params.ID,
				Version:    1,
				Seq:        seq,
				ValidUntil: 1000 + random.Uint32N(1000),
				Fee:        1000 + record.Amount(random.IntN(100_000)),
				Key:        record.PublicOf(key),
				Payload:    record.Pay{To: record.PublicOf(keys[(i+1+random.IntN(crowdSize-1))%crowdSize]), Amount: 1000},
			}), key)
			if err != nil {
				panic(err)
			}
			c.records = append(c.records, r.Encode())
		}
	}
	return c
})

// decode returns the first n records, decoded anew as if they had just come in.
func (c *crowd) decode(b *testing.B, n int) []*record.Record {
	b.Helper()
	var all []*record.Record
	for _, raw := range c.records[:n] {
		r, err := record.Decode(append([]byte(nil), raw...))
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func (c *crowd) pool(b *testing.B, edit ...func(*Options)) *Pool {
	b.Helper()
	height := uint32(1)
	o := Options{
		Params:   c.params,
		View:     func() ledger.View { return c.state },
		Context:  func() ledger.Context { return ledger.Context{Params: c.params, Height: height} },
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

// view is a whole state in memory.
type view map[string][]byte

func (v view) Get(key []byte) ([]byte, error) { return v[string(key)], nil }

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

// Records that come in, in batches of 1024, into a pool with a journal on disk.
func BenchmarkAdd(b *testing.B) {
	const n = 20_480
	c := newCrowd()
	for b.Loop() {
		b.StopTimer()
		disk, err := store.Open(b.TempDir(), store.Identity{Network: c.params.ID}, store.Options{})
		if err != nil {
			b.Fatal(err)
		}
		p := c.pool(b, func(o *Options) { o.Journal = StoreJournal(disk) })
		records := c.decode(b, n)
		b.StartTimer()
		addAll(b, p, records, 1024)
		b.StopTimer()
		disk.Close()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "records/s")
}

// The same, where the signatures are known already: the pool's own part.
func BenchmarkAddVerified(b *testing.B) {
	const n = 20_480
	c := newCrowd()
	verifier := record.NewVerifier(1<<17, 0)
	verifier.VerifyEach(c.decode(b, n))
	for b.Loop() {
		b.StopTimer()
		p := c.pool(b, func(o *Options) { o.Verifier = verifier })
		records := c.decode(b, n)
		b.StartTimer()
		addAll(b, p, records, 1024)
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "records/s")
}

// Forged records, each refused after its signature was checked; and the same
// ones again.
func BenchmarkRefuseForged(b *testing.B) {
	const n = 1024
	c := newCrowd()
	forged := func(salt byte) []*record.Record {
		records := c.decode(b, n)
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
		p := c.pool(b)
		run(b, p, func() []*record.Record { salt++; p.forged = recent{}; return forged(salt | 1) })
	})
	b.Run("again", func(b *testing.B) {
		same := forged(1)
		p := c.pool(b)
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
	c := newCrowd()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		before := heap()
		p := c.pool(b)
		addAll(b, p, c.decode(b, n), 1024)
		p.o.Verifier = nil // its cache is shared with the chain, and has a bound of its own
		used := heap() - before
		b.ReportMetric(float64(used)/1e6, "MB")
		b.ReportMetric(float64(p.Stats().Memory)/1e6, "MB-counted")
		b.ReportMetric(float64(used)/float64(n), "bytes/record")
		runtime.KeepAlive(p)
	}
}

// A block of 4,000 of 100,000 records: choosing them, and taking them out.
func BenchmarkTip(b *testing.B) {
	c := newCrowd()
	verifier := record.NewVerifier(1<<18, 0)
	var choosing, updating time.Duration
	for b.Loop() {
		b.StopTimer()
		state := c.state
		p := c.pool(b, func(o *Options) {
			o.Verifier = verifier
			o.View = func() ledger.View { return state }
		})
		addAll(b, p, c.decode(b, len(c.records)), 1024)
		runtime.GC()
		b.StartTimer()

		start := time.Now()
		s := ledger.NewState(state)
		chosen, _, err := p.Select(s, p.o.Context(), Limits{Bytes: 1 << 20, Records: 4000})
		if err != nil || len(chosen) != 4000 {
			b.Fatal(len(chosen), err)
		}
		choosing += time.Since(start)

		b.StopTimer()
		state = maps.Clone(state)
		for _, change := range s.Changes() {
			state[string(change.Key)] = change.New
		}
		mined := &block.Block{Records: append([]*record.Record{nil}, chosen...)}
		b.StartTimer()

		start = time.Now()
		if err := p.Update(chain.Change{Connected: []*block.Block{mined}}); err != nil {
			b.Fatal(err)
		}
		updating += time.Since(start)
	}
	b.ReportMetric(choosing.Seconds()*1e3/float64(b.N), "ms/select")
	b.ReportMetric(updating.Seconds()*1e3/float64(b.N), "ms/update")
}
