package limit_test

import (
	"math"
	"testing"
	"time"

	"stele/bench/cycles"
	"stele/bench/limit"
	"stele/engine/host"
	"stele/kernels/simd"
)

// BenchmarkShare reports, for each kernel and each kind of work, the cycles that an item
// took in the fastest slice of about 0.2 ms, the limit, and the share. Slices next to
// which the clock was not steady do not count.
func BenchmarkShare(b *testing.B) {
	design := host.ReadMachine().Microarchitecture
	header := new([80]byte)
	const nonces, batch = 4096, 2048
	hashes, headers := make([][32]byte, batch), make([]byte, batch*80)
	for _, v := range simd.Variants() {
		k, err := simd.Lookup(v.Name)
		if err != nil {
			continue
		}
		job, versions := simd.NewJob(header, [32]byte{}), simd.NewVersionJob(header, make([]uint32, simd.MaxVersions), [32]byte{})
		for _, w := range []struct {
			work  limit.Work
			items int
			run   func()
		}{
			{limit.Search, nonces, func() { k.Scan(job, 0, nonces, nil) }},
			{limit.Versions, 4 * nonces, func() { k.ScanVersions(versions, 0, 4*nonces/simd.MaxVersions, nil) }},
			{limit.Hash, batch, func() { k.Hash(hashes, headers) }},
		} {
			bound, err := limit.For(k.Name(), w.work, design)
			if err != nil || w.work == limit.Versions && !k.SharesVersions() {
				continue
			}
			b.Run(k.Name()+"/"+string(w.work), func(b *testing.B) {
				least := math.Inf(1)
				for b.Loop() {
					before := cycles.Frequency()
					start := time.Now()
					w.run()
					took := time.Since(start).Seconds()
					if after := cycles.Frequency(); math.Abs(after/before-1) < 0.005 {
						least = min(least, took*(before+after)/2/float64(w.items))
					}
				}
				b.ReportMetric(least, "cycles/item")
				b.ReportMetric(bound.Cycles, "limit")
				b.ReportMetric(bound.Cycles/least, "share")
			})
		}
	}
}
