package seen

import (
	"runtime"
	"testing"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
)

// BenchmarkChanged measures what a block of 5,000 records costs the chain, which waits
// for the book, and how much memory and disk space a full book takes.
func BenchmarkChanged(b *testing.B) {
	const records = 5000
	blocks := make([]chain.Change, DefaultSize/records+1)
	n := 0
	for i := range blocks {
		var all []*record.Record
		for range records {
			all = append(all, someRecord(n))
			n++
		}
		blocks[i].Connected = []*block.Block{blockOf(all...)}
	}
	before := heap()
	book := New(Options{})
	for i := 0; b.Loop(); i++ {
		book.Changed(blocks[i%len(blocks)])
	}
	b.StopTimer()
	for _, c := range blocks {
		book.Changed(c)
	}
	b.ReportMetric((float64(heap())-float64(before))/1e6, "MB")
	runtime.KeepAlive(blocks)
	b.ReportMetric(float64(len(book.encode(pow.Hash{})))/1e6, "MB-file")
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}
