package query_test

import (
	"testing"
	"time"

	"stele/node/chain/chaintest"
	"stele/node/query"
)

// BenchmarkPayments reads a page of 200 coinbases, each of them in another block of
// 500 records.
func BenchmarkPayments(b *testing.B) {
	builder := chaintest.New(chaintest.Network(), 1)
	n, err := openParts(b.Context(), builder.Params, builder.Grow(builder.Genesis, 220, 500), time.Now())
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		for _, closePart := range n.close {
			_ = closePart()
		}
	}()
	payee := n.tip.Records[0].Key
	b.ReportAllocs()
	for b.Loop() {
		page, err := n.Payments(payee, query.Range{Limit: 200})
		if err != nil || len(page.Items) != 200 {
			b.Fatal(len(page.Items), err)
		}
	}
}
