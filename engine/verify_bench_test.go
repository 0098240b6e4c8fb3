package engine

import (
	"context"
	"testing"

	"stele/engine/pow"
)

// BenchmarkVerifyOverhead is what the engine adds to a device that takes no
// time: the batch of a GPU is bound by its bus, at about 1.5 ns per header.
func BenchmarkVerifyOverhead(b *testing.B) {
	const n = 10_000_000
	headers, verdicts := make([]byte, n*pow.HeaderSize), make([]pow.Verdict, n)
	good := make([]pow.Verdict, n)
	bits := pow.Bits(0x2100ffff) // every hash meets it but one in 2^16
	for i := range n {
		copy(headers[i*pow.HeaderSize+72:], []byte{byte(bits), byte(bits >> 8), byte(bits >> 16), byte(bits >> 24)})
	}
	d := &fake{id: "a", lanes: 2, verify: func(_ context.Context, _ []byte, _ bool, verdicts []pow.Verdict) error {
		copy(verdicts, good)
		return nil
	}}
	e := New([]Device{d}, nil)
	defer e.Close()
	for b.Loop() {
		if got, err := e.Verify(context.Background(), headers, false, verdicts); err != nil || got.Valid != n {
			b.Fatal(got, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/header")
}
