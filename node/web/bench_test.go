package web

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"stele/node/chain/chaintest"
)

// BenchmarkPages makes each page of a chain of 100,000 records, as its handler does:
// the first byte of an answer is sent when the whole page is made.
func BenchmarkPages(b *testing.B) {
	const blocks, records = 100, 1000
	builder := chaintest.New(chaintest.Network(), 1)
	tip := builder.Grow(builder.Genesis, blocks, records)
	s := newSiteOf(b, builder, tip)
	middle := tip.Chain()[blocks/2]
	for name, path := range map[string]string{
		"home": "/", "blocks": "/blocks", "block": fmt.Sprint("/blocks/", blocks/2), "filter": fmt.Sprintf("/blocks/%d?type=after-sales", blocks/2),
		"record": "/records/" + middle.Records[records/2].ID().String(), "search": fmt.Sprint("/search?q=", records), "verify": "/verify",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				w := httptest.NewRecorder()
				s.pages.Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
				if w.Code != 200 {
					b.Fatal(path, w.Code)
				}
			}
		})
	}
}
