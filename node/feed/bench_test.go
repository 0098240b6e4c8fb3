package feed

import (
	"testing"

	"stele/node/chain/chaintest"
)

// BenchmarkBlock measures the events of a block of 500 records, and how 1,000 readers find
// theirs: half of them want everything, the others one case.
func BenchmarkBlock(b *testing.B) {
	w := newWorld(b, chaintest.New(chaintest.Network(), 1))
	tip := w.Grow(w.Genesis, 1, 500)
	w.submit(tip)
	w.follow()
	b.Run("build", func(b *testing.B) {
		for b.Loop() {
			if _, err := w.feed.build(side{tip.Hash(), false}, 0, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read by 1000", func(b *testing.B) {
		events, err := w.feed.build(side{tip.Hash(), false}, 0, 0)
		w.check(err)
		readers := make([]*Reader, 1000)
		for i := range readers {
			readers[i] = w.feed.Read(Filter{})
			if i%2 == 1 {
				readers[i].filter.Claim[0] = 1
			}
		}
		for b.Loop() {
			w.feed.add(events...)
			for _, r := range readers {
				w.poll(r, 1<<30)
			}
		}
	})
}
