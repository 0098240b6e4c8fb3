package record

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"stele/kernels/sig"
)

// payments returns n signed payments of as many authors.
func payments(tb testing.TB, n, authors int) []*Record {
	tb.Helper()
	records := make([]*Record, n)
	for i := range records {
		key := testKey(i % authors)
		r, err := Sign(New(Record{
			Network: testNetwork, Version: 1, Seq: uint64(i / authors), ValidUntil: 1000, Fee: 10000,
			Key: PublicOf(key), Payload: Pay{To: PublicOf(testKey(i%authors + 1)), Amount: Coin},
		}), key)
		if err != nil {
			tb.Fatal(err)
		}
		records[i] = r
	}
	return records
}

// spoiled returns the records with a bad signature at each index.
func spoiled(records []*Record, at ...int) []*Record {
	bad := append([]*Record{}, records...)
	for _, i := range at {
		r := *records[i]
		r.Signatures = []Signature{r.Signatures[0]}
		r.Signatures[0][40] ^= 1
		bad[i] = New(r)
	}
	return bad
}

func perSignature(b *testing.B, n int) {
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "signatures/s")
}

func BenchmarkDecode(b *testing.B) {
	raw := payments(b, 1, 1)[0].Encode()
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		r, err := Decode(raw)
		if err != nil || r.ID() == (ID{}) {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	r := payments(b, 1, 1)[0]
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Check(testNetwork); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	r, key := payments(b, 1, 1)[0], testKey(0)
	for b.Loop() {
		if _, err := Sign(r, key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyOne(b *testing.B) {
	r := payments(b, 1, 1)[0]
	for b.Loop() {
		if err := r.Verify(); err != nil {
			b.Fatal(err)
		}
	}
	perSignature(b, 1)
}

// One core; the cache of good records is off. Keys are known from the records before,
// or each is new. By voi's batches, and by the kernel, which take turns.
func BenchmarkVerifyBatch(b *testing.B) {
	for _, n := range []int{256, 4000} {
		for _, authors := range []int{64, n} {
			records := payments(b, n, authors)
			for _, known := range []bool{true, false} {
				name := fmt.Sprintf("%d/%d-new-keys", n, authors)
				if known {
					name = fmt.Sprintf("%d/%d-known-keys", n, authors)
				}
				b.Run(name, func(b *testing.B) { compareKernel(b, records, known) })
			}
		}
	}
}

// compareKernel reports the rates of voi's batches and of the kernel, and the ratio of
// the minima.
func compareKernel(b *testing.B, records []*Record, known bool) {
	if !sig.Available() {
		b.Skip("the kernel is not available")
	}
	best := [2]time.Duration{1<<63 - 1, 1<<63 - 1}
	verifiers := [2]*Verifier{}
	for b.Loop() {
		for i := range best {
			if v := verifiers[i]; v == nil || !known {
				v = NewVerifier(0, 1)
				v.kernels.preferred = func() bool { return i == 1 }
				verifiers[i] = v
				for range 3 { // when keys have tables
					if known {
						v.VerifyEach(records)
					}
				}
			}
			start := time.Now()
			if _, err := verifiers[i].Verify(records); err != nil {
				b.Fatal(err)
			}
			best[i] = min(best[i], time.Since(start))
		}
	}
	rate := func(d time.Duration) float64 { return float64(len(records)) / d.Seconds() }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rate(best[0]), "batch/s")
	b.ReportMetric(rate(best[1]), "kernel/s")
	b.ReportMetric(rate(best[1])/rate(best[0]), "ratio")
}

// One bad among 1,024, at a random place.
func BenchmarkVerifyOneBad(b *testing.B) {
	records := payments(b, 1024, 1024)
	random := rand.New(rand.NewPCG(1, 2))
	v := NewVerifier(0, 1)
	if _, err := v.Verify(records); err != nil {
		b.Fatal(err)
	}
	b.Run("good", func(b *testing.B) {
		for b.Loop() {
			if _, err := v.Verify(records); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, name := range []string{"first-bad", "each"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				at := random.IntN(len(records))
				bad := spoiled(records, at)
				b.StartTimer()
				if name == "each" {
					if errs := v.VerifyEach(bad); errs[at] == nil {
						b.Fatal("not found")
					}
				} else if got, _ := v.Verify(bad); got != at {
					b.Fatalf("bad is %d, want %d", got, at)
				}
			}
		})
	}
	b.Run("worst-place", func(b *testing.B) {
		bad := spoiled(records, len(records)-1)
		for b.Loop() {
			if got, _ := v.Verify(bad); got != len(records)-1 {
				b.Fatal(got)
			}
		}
	})
	b.Run("all-bad", func(b *testing.B) {
		all := make([]int, len(records))
		for i := range all {
			all[i] = i
		}
		bad := spoiled(records, all...)
		for b.Loop() {
			v.VerifyEach(bad)
		}
	})
}

func BenchmarkVerifyKnown(b *testing.B) {
	records := payments(b, 4000, 64)
	v := NewVerifier(1<<16, 1)
	v.VerifyEach(records)
	for b.Loop() {
		if _, err := v.Verify(records); err != nil {
			b.Fatal(err)
		}
	}
}
