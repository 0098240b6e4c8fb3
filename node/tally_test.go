package node

import (
	"maps"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/store"
	"stele/node/views"
)

// A tally follows a claim block by block, there and back, and counts it for good
// when no reorganisation can open it again.
func TestTally(t *testing.T) {
	story := chaintest.NewStory(chaintest.CaseNetwork(), "1 Quay Street")
	for _, step := range []func(){story.Sell, story.Send, story.HandOver, story.Deliver, story.Complain, story.Refund} {
		step()
	}
	blocks := story.Tip.Chain()
	refresh := func(tally *tally, b *chaintest.Block, later uint32) map[rules.ClaimState]uint64 {
		tally.refresh(b.View(), rules.Context{
			Params: story.Params, Height: b.Height() + 1 + later, MedianTime: b.Node().MedianTime(),
		})
		return tally.states()
	}

	forth := newTally()
	seen := []map[rules.ClaimState]uint64{}
	types := []map[record.Type]uint64{}
	for _, b := range blocks {
		forth.change(chain.Change{Connected: []*block.Block{b.Block}})
		seen = append(seen, refresh(&forth, b, 0))
		types = append(types, maps.Clone(forth.records))
	}
	last := seen[len(seen)-1]
	if len(last) != 1 || last[rules.ClaimSettled] != 1 || forth.records[record.TypeVoucherIssue] != 1 {
		t.Fatalf("at the end %v, %v", last, forth.records)
	}

	back := forth
	for i := len(blocks) - 1; i > 0; i-- {
		back.change(chain.Change{Disconnected: []*block.Block{blocks[i].Block}})
		if got := refresh(&back, blocks[i-1], 0); !maps.Equal(got, seen[i-1]) {
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
	refresh(&again, story.Tip, 0)
	if got := refresh(&again, story.Tip, chain.MaxReorg+1); !maps.Equal(got, last) || len(again.claims) != 0 {
		t.Errorf("much later %v, and %d claims are still followed", got, len(again.claims))
	}
}

// At the start, claims that time alone has closed do not count as open, though
// no record took them out of the list.
func TestTallySeed(t *testing.T) {
	story := chaintest.NewStory(chaintest.CaseNetwork(), "1 Quay Street")
	for _, step := range []func(){story.Sell, story.Send, story.HandOver, story.Deliver, story.Complain, story.Refund} {
		step()
	}
	executed := story.Tip.Parent // the remedy was given, and not confirmed
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	kept, err := store.Open("store", store.Identity{Network: story.Params.ID, Genesis: story.Genesis.Hash()}, store.Options{FS: vfs.NewMem()})
	check(err)
	defer kept.Close()
	c, err := chain.Open(t.Context(), chain.Options{Store: kept, Params: story.Params, Clock: story.Now})
	check(err)
	for _, b := range executed.Chain()[1:] {
		_, err := c.Submit(b.Block)
		check(err)
	}
	list, err := views.Open("views", views.Options{Chain: c, FS: vfs.NewMem()})
	check(err)
	defer list.Close()
	check(list.Update(t.Context()))

	p := &story.Params.AfterSales
	next := c.NextContext()
	for days, want := range map[uint32]map[rules.ClaimState]uint64{
		0:                         {rules.ClaimExecuted: 1},
		uint32(p.ConfirmDays) + 1: {},
	} {
		at := next
		at.MedianTime += days * p.Day
		tally := newTally()
		tally.seed(list, c.View(), at)
		if got := tally.states(); !maps.Equal(got, want) {
			t.Errorf("after %d days: %v, want %v", days, got, want)
		}
	}
}
