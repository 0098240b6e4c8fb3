package node

import (
	"maps"
	"testing"

	"stele/node/block"
	"stele/node/casetest"
	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger"
	"stele/node/record"
)

// A tally follows a claim block by block, there and back, and counts it for good
// when no reorganisation can open it again.
func TestTally(t *testing.T) {
	story := casetest.New(casetest.Network(), "1 Quay Street")
	for _, step := range []func(){story.Sell, story.Send, story.HandOver, story.Deliver, story.Complain, story.Refund} {
		step()
	}
	blocks := story.Tip.Chain()
	look := func(tally *tally, b *chaintest.Block, later uint32) map[ledger.ClaimState]uint64 {
		tally.look(b.View(), ledger.Context{
			Params: story.Params, Height: b.Height() + 1 + later, MedianTime: b.Node().MedianTime(),
		})
		return tally.states()
	}

	forth := newTally()
	seen := []map[ledger.ClaimState]uint64{}
	types := []map[record.Type]uint64{}
	for _, b := range blocks {
		forth.change(chain.Change{Connected: []*block.Block{b.Block}})
		seen = append(seen, look(&forth, b, 0))
		types = append(types, maps.Clone(forth.records))
	}
	last := seen[len(seen)-1]
	if len(last) != 1 || last[ledger.ClaimSettled] != 1 || forth.records[record.TypeVoucherIssue] != 1 {
		t.Fatalf("at the end %v, %v", last, forth.records)
	}

	back := forth
	for i := len(blocks) - 1; i > 0; i-- {
		back.change(chain.Change{Disconnected: []*block.Block{blocks[i].Block}})
		if got := look(&back, blocks[i-1], 0); !maps.Equal(got, seen[i-1]) {
			t.Errorf("back at height %d: %v, want %v", i-1, got, seen[i-1])
		}
		for kind, n := range back.records {
			if n != types[i-1][kind] {
				t.Errorf("back at height %d: %d %v, want %d", i-1, n, kind, types[i-1][kind])
			}
		}
	}

	again := newTally()
	for _, b := range blocks {
		again.change(chain.Change{Connected: []*block.Block{b.Block}})
	}
	look(&again, story.Tip, 0)
	if got := look(&again, story.Tip, chain.MaxReorg+1); !maps.Equal(got, last) || len(again.claims) != 0 {
		t.Errorf("much later %v, and %d claims are looked at", got, len(again.claims))
	}
}
