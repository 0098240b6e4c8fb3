package pow_test

import (
	"testing"

	"stele/engine/pow"
)

func BenchmarkSum(b *testing.B) {
	header := mustHeader(b, genesisHex).Encode()
	for b.Loop() {
		pow.Sum(header[:])
	}
}

func BenchmarkMetBy(b *testing.B) {
	hash := mustHash(b, genesisHash)
	target := must(pow.Bits(0x1d00ffff).Target())(b)
	for b.Loop() {
		if !target.MetBy(hash) {
			b.Fatal("the genesis block is not solved")
		}
	}
}

func BenchmarkBitsTarget(b *testing.B) {
	bits := pow.Bits(0x1d00ffff)
	for b.Loop() {
		if _, err := bits.Target(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSearch(b *testing.B) {
	header := mustHeader(b, genesisHex).Encode()
	target := must(pow.Bits(0x1d00ffff).Target())(b)
	const count = 1000
	for b.Loop() {
		pow.Search(&header, target, pow.Range{Count: count}, func(uint32) {})
	}
	b.ReportMetric(count*float64(b.N)/b.Elapsed().Seconds(), "nonces/s")
}

func BenchmarkVerify(b *testing.B) {
	chain := mineChain(b, 100)
	verdicts := make([]pow.Verdict, 100)
	for b.Loop() {
		pow.Verify(chain, true, verdicts)
	}
	b.ReportMetric(100*float64(b.N)/b.Elapsed().Seconds(), "headers/s")
}

func BenchmarkMerkleRoot(b *testing.B) {
	ids := leaves(2000)
	for b.Loop() {
		pow.MerkleRoot(ids)
	}
}

func BenchmarkWork(b *testing.B) {
	target := must(pow.Bits(0x1d00ffff).Target())(b)
	for b.Loop() {
		target.Work()
	}
}
