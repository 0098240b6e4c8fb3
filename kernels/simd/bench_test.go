package simd

import (
	"crypto/sha256"
	"testing"

	"stele/engine/pow"
)

// report adds the time of one nonce or header, and how many millions of them
// are done in a second.
func report(b *testing.B, per int, item, millions string) {
	n := float64(b.N) * float64(per)
	seconds := b.Elapsed().Seconds()
	b.ReportMetric(seconds*1e9/n, "ns/"+item)
	b.ReportMetric(n/seconds/1e6, millions)
}

func BenchmarkScan(b *testing.B) {
	header := realHeader(b, 0).Encode()
	target := pow.Target{3: 1<<32 - 1} // difficulty 1: hardly any candidates
	for _, k := range presentKernels(b) {
		b.Run(k.name, func(b *testing.B) {
			b.ReportAllocs()
			job := NewJob(&header, target.Bytes())
			for b.Loop() {
				k.Scan(job, 0, MaxNonces, nil)
			}
			report(b, MaxNonces, "nonce", "MH/s")
		})
	}
	b.Run("reference", func(b *testing.B) {
		for b.Loop() {
			pow.Search(&header, target, pow.Range{Count: 1 << 12}, func(uint32) {})
		}
		report(b, 1<<12, "nonce", "MH/s")
	})
	b.Run("crypto-sha256", func(b *testing.B) {
		trial, nonce := header, uint32(0)
		for b.Loop() {
			pow.SetNonce(&trial, nonce)
			nonce++
			first := sha256.Sum256(trial[:])
			if target.MetBy(sha256.Sum256(first[:])) {
				b.Log(nonce)
			}
		}
		report(b, 1, "nonce", "MH/s")
	})
}

func BenchmarkHash(b *testing.B) {
	headers := make([]byte, MaxHeaders*pow.HeaderSize)
	fill(newRand(20), headers)
	hashes := make([][32]byte, MaxHeaders)
	for _, k := range presentKernels(b) {
		b.Run(k.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				k.Hash(hashes, headers)
			}
			report(b, MaxHeaders, "header", "M/s")
		})
	}
	loop := func(hash func([]byte) [32]byte) func(b *testing.B) {
		return func(b *testing.B) {
			for b.Loop() {
				for i := range hashes {
					hashes[i] = hash(headers[i*pow.HeaderSize : (i+1)*pow.HeaderSize])
				}
			}
			report(b, MaxHeaders, "header", "M/s")
		}
	}
	b.Run("reference", loop(func(b []byte) [32]byte { return pow.Sum(b) }))
	b.Run("crypto-sha256", loop(standardSum))
}
