package query_test

import (
	"errors"
	"testing"
	"time"

	"stele/node/chain/chaintest"
	"stele/node/query"
)

// openGrown opens a node with a tip and 220 more blocks of 500 records.
func openGrown(b *testing.B, builder *chaintest.Builder, tip *chaintest.Block) *parts {
	b.Helper()
	n, err := openParts(b.Context(), builder.Params, builder.Grow(tip, 220, 500), time.Now())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		for _, closePart := range n.close {
			_ = closePart()
		}
	})
	return n
}

// BenchmarkPayments reads a page of 200 coinbases, each of them in another block of
// 500 records.
func BenchmarkPayments(b *testing.B) {
	builder := chaintest.New(chaintest.Network(), 1)
	n := openGrown(b, builder, builder.Genesis)
	payee := n.tip.Records[0].Key
	b.ReportAllocs()
	for b.Loop() {
		page, err := n.Payments(payee, query.Range{Limit: 200})
		if err != nil || len(page.Items) != 200 {
			b.Fatal(len(page.Items), err)
		}
	}
}

// BenchmarkVoucher reads what a page about a voucher shows, in a chain of 110,000 records:
// at the tip, as of a height below all of them, and as of one that was not asked for
// before.
func BenchmarkVoucher(b *testing.B) {
	story := chaintest.NewStory(chaintest.CaseNetwork(), "somewhere")
	story.Run()
	n := openGrown(b, story.Builder, story.Tip)
	read := func(r *query.Reader) error {
		_, voucher := r.Voucher(story.Voucher)
		history, events := r.VoucherHistory(story.Voucher, query.Range{Limit: 50})
		_, claims := r.VoucherClaims(story.Voucher, query.Range{Limit: 50})
		_, shipments := r.VoucherShipments(story.Voucher, query.Range{Limit: 50})
		_, actions := r.VoucherActions(story.Voucher, story.Buyer)
		_, turn := r.Turn(story.Claim)
		if len(history.Items) < 10 {
			b.Fatal(len(history.Items))
		}
		return errors.Join(voucher, events, claims, shipments, actions, turn)
	}
	b.Run("tip", func(b *testing.B) {
		for b.Loop() {
			if err := read(n.Reader); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("earlier", func(b *testing.B) {
		for b.Loop() {
			r, err := n.At(story.Tip.Height())
			if err := errors.Join(err, read(r)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("new", func(b *testing.B) {
		for i := uint32(0); b.Loop(); i++ {
			r, err := n.At(story.Tip.Height() + i%20) // more than are kept
			if err := errors.Join(err, read(r)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
