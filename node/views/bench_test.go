package views

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/chain/corpus"
	"stele/node/ledger/record"
)

// BenchmarkHistory reads the history of a voucher with 30 records out of 20,000
// vouchers with as many.
func BenchmarkHistory(b *testing.B) {
	const vouchers, records, perBlock = 20_000, 30, 4000
	c := newTree()
	var ids []record.ID
	var made []*record.Record
	for i := range vouchers {
		r := by(key(1), record.VoucherIssue{Time: 1, GTIN: gtin, Serial: "A1", Buyer: key(i % 60000)})
		made, ids = append(made, r), append(ids, r.ID())
	}
	for range records - 1 {
		for i, id := range ids {
			made = append(made, by(key(i%60000), record.EvaluateAmend{Time: 1, Voucher: id}))
		}
	}
	for len(made) > 0 {
		n := min(perBlock, len(made))
		c.extend(made[:n]...)
		made = made[n:]
	}
	v := open(b, c, vfs.NewMem())
	defer v.Close()
	if err := v.Update(b.Context()); err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		n++
		entries, err := v.All(Voucher(ids[n*7919%vouchers]), 1000)
		if err != nil || len(entries) != records {
			b.Fatal(len(entries), err)
		}
	}
}

// BenchmarkUpdate indexes blocks of 4,000 records about vouchers.
func BenchmarkUpdate(b *testing.B) {
	const perBlock = 4000
	c := newTree()
	issue := by(key(1), record.VoucherIssue{Time: 1, GTIN: gtin, Serial: "A1", Buyer: key(2)})
	c.extend(issue)
	v := open(b, c, vfs.NewMem())
	defer v.Close()
	for b.Loop() {
		b.StopTimer()
		var made []*record.Record
		for i := range perBlock {
			made = append(made, by(key(i), record.EvaluateAmend{Time: 1, Voucher: issue.ID()}))
		}
		c.extend(made...)
		b.StartTimer()
		if err := v.Update(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/perBlock, "ns/record")
}

// BenchmarkFollow follows a chain of cases of all kinds block by block, standings
// included.
func BenchmarkFollow(b *testing.B) {
	c := corpus.Build()
	ch := &valid{params: c.Params, known: map[pow.Hash]*chaintest.Block{}}
	ch.moveTo(c.Tip)
	records := 0
	for _, block := range c.Tip.Chain() {
		records += len(block.Records)
	}
	for b.Loop() {
		v := open(b, ch, vfs.NewMem())
		for _, block := range c.Tip.Chain() {
			ch.moveTo(block)
			if err := v.Update(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		if err := v.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*records), "µs/record")
}
