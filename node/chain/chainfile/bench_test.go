package chainfile

import (
	"bytes"
	"runtime"
	"testing"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/record"
	"stele/node/store"
)

// A file of 100,000 records in blocks of 1,000, with all signatures, into a store on
// disk.
func BenchmarkImport(b *testing.B) {
	const blocks, records = 100, 1000
	builder := chaintest.New(chaintest.Network(), 9)
	id := store.Identity{Network: builder.Params.ID, Genesis: builder.Genesis.Hash()}
	var file bytes.Buffer
	w := NewWriter(&file, Head{Network: id.Network, Genesis: id.Genesis, First: 1})
	for _, blk := range builder.Grow(builder.Genesis, blocks, records).Chain()[1:] {
		if err := w.Write(blk.Encode()); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		s, err := store.Open(b.TempDir(), id, store.Options{})
		if err != nil {
			b.Fatal(err)
		}
		c, err := chain.Open(b.Context(), chain.Options{Store: s, Params: builder.Params, Verifier: record.NewVerifier(1<<17, 0), Clock: builder.Now})
		if err != nil {
			b.Fatal(err)
		}
		r, err := NewReader(bytes.NewReader(file.Bytes()))
		if err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		b.StartTimer()
		if _, err := Import(b.Context(), c, builder.Params, r, nil); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(b.N*blocks*records)/b.Elapsed().Seconds(), "records/s")
}
