package chain

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/store"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// openOnDisk opens a chain in a new store on disk. Without a verifier its
// signatures are checked anew.
func openOnDisk(b *testing.B, builder *chaintest.Builder, v *record.Verifier) *node {
	b.Helper()
	s, err := store.Open(b.TempDir(), identity(builder.Params), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	c, err := Open(b.Context(), Options{Store: s, Params: builder.Params, Verifier: v, Clock: builder.Now})
	if err != nil {
		b.Fatal(err)
	}
	return &node{Chain: c, store: s, fs: vfs.Default}
}

// A block of 4,000 signed records, from its bytes to the disk. Cold, its
// signatures are checked; warm, they were when the records came into the pool.
func BenchmarkConnect4000(b *testing.B) {
	for _, warm := range []bool{false, true} {
		b.Run(map[bool]string{false: "cold", true: "warm"}[warm], func(b *testing.B) {
			builder := chaintest.New(chaintest.Network(), 1)
			v := record.NewVerifier(1<<16, 0)
			n := openOnDisk(b, builder, v)
			tip := builder.Genesis
			var took []time.Duration
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				tip = builder.Extend(tip, builder.Records(tip, 4000)...)
				raw := tip.Encode()
				if warm { // as after the pool has admitted the records
					if _, err := v.Verify(tip.Records); err != nil {
						b.Fatal(err)
					}
					state, ctx := rules.NewState(n.store.View()), n.NextContext()
					for _, r := range tip.Records[1:] {
						if err := rules.Apply(state, ctx, r); err != nil {
							b.Fatal(err)
						}
					}
				}
				runtime.GC() // of what the builder has left
				b.StartTimer()
				start := time.Now()
				blk, err := block.Decode(raw, builder.Params.MaxBlockSize)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := n.Submit(blk); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1e3, "ms/median")
		})
	}
}

// 100 blocks of 1,000 signed records, from their bytes, one after the other, while the
// node catches up. Nothing is checked ahead: see BenchmarkImport of package chainfile for
// that.
func BenchmarkCatchUp(b *testing.B) {
	const blocks, records = 100, 1000
	builder := chaintest.New(chaintest.Network(), 1)
	var raw [][]byte
	for _, blk := range builder.Grow(builder.Genesis, blocks, records).Chain()[1:] {
		raw = append(raw, blk.Encode())
	}
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		n := openOnDisk(b, builder, record.NewVerifier(1<<16, 0))
		runtime.GC()
		b.StartTimer()
		n.CatchUp(true)
		for _, body := range raw {
			blk, err := block.Decode(body, builder.Params.MaxBlockSize)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := n.Submit(blk); err != nil {
				b.Fatal(err)
			}
		}
		n.CatchUp(false)
	}
	b.ReportMetric(float64(b.N*blocks*records)/b.Elapsed().Seconds(), "records/s")
}

// From a branch of 100 blocks with 100 records each to another one and back.
func BenchmarkReorganise100(b *testing.B) {
	builder := chaintest.New(chaintest.Network(), 1)
	n := openOnDisk(b, builder, record.NewVerifier(1<<16, 0))
	one, two := builder.Genesis, builder.Genesis
	for range 100 {
		one = builder.Extend(one, builder.Records(one, 100)...)
		two = builder.Extend(two, builder.Records(two, 100)...)
	}
	for _, blk := range append(one.Chain()[1:], two.Chain()[1:]...) {
		if _, err := n.Submit(blk.Block); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		// A block on the shorter branch makes its work equal, the next one more.
		two = builder.Extend(two)
		if two.Height() <= one.Height() {
			n.give(b, SideBranch, two)
			two = builder.Extend(two)
		}
		b.StartTimer()
		n.give(b, Reorganized, two)
		b.StopTimer()
		one, two = two, one
		b.StartTimer()
	}
}

// How long it takes from the commit of a block until all subscribers, each in a
// goroutine of its own, have the event: the median and the slowest of all blocks.
func BenchmarkNotify(b *testing.B) {
	for _, subscribers := range []int{1, 16, 128} {
		b.Run(fmt.Sprint(subscribers), func(b *testing.B) {
			builder := chaintest.New(chaintest.Network(), 1)
			n := openOnDisk(b, builder, record.NewVerifier(1<<16, 0))
			ctx, cancel := context.WithCancel(b.Context())
			var running, following sync.WaitGroup
			for range subscribers {
				s := n.Subscribe()
				running.Go(func() {
					defer s.Close()
					for {
						if _, err := s.Next(ctx); err != nil {
							return
						}
						following.Done()
					}
				})
			}
			tip := builder.Genesis
			var took []time.Duration
			for b.Loop() {
				b.StopTimer()
				tip = builder.Extend(tip)
				following.Add(subscribers)
				b.StartTimer()
				n.mu.Lock()
				if _, err := n.submit(tip.Block); err != nil { // which commits
					b.Fatal(err)
				}
				committed := time.Now()
				n.announce()
				n.mu.Unlock()
				following.Wait()
				took = append(took, time.Since(committed))
			}
			cancel()
			running.Wait()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "µs/median")
			b.ReportMetric(float64(took[len(took)-1].Nanoseconds())/1e3, "µs/slowest")
		})
	}
}

// A replay of 100,000 records in blocks of 1,000, with all signatures.
func BenchmarkCheck(b *testing.B) {
	const blocks, records = 100, 1000
	builder := chaintest.New(chaintest.Network(), 1)
	v := record.NewVerifier(0, 0)
	n := openOnDisk(b, builder, v)
	tip := builder.Genesis
	for range blocks {
		tip = builder.Extend(tip, builder.Records(tip, records)...)
		n.give(b, Extended, tip)
	}
	b.ResetTimer()
	start := time.Now()
	for range b.N {
		report, err := Check(b.Context(), n.store, n.params, CheckOptions{})
		if err != nil || report.Broken() {
			b.Fatal(report, err)
		}
	}
	b.ReportMetric(float64(b.N*blocks*records)/time.Since(start).Seconds(), "records/s")
}
