package views

import (
	"reflect"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/record"
	"stele/node/store"
)

// What a block is about is what the lists of the views have, and the same whether the block
// is the tip, has others on it, or has just left the chain.
func TestAboutBlock(t *testing.T) {
	story := chaintest.NewStory(chaintest.CaseNetwork(), "somewhere")
	story.Run()
	id := store.Identity{Network: story.Params.ID, Genesis: story.Genesis.Hash()}
	st, err := store.Open("store", id, store.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	c, err := chain.Open(t.Context(), chain.Options{Store: st, Params: story.Params, Clock: story.Now})
	if err != nil {
		t.Fatal(err)
	}
	var updates atomic.Int32
	v, err := Open("views", Options{Chain: c, Identity: id, FS: vfs.NewMem(), Updated: func() { updates.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	about := func(b *chaintest.Block) []About {
		t.Helper()
		all, err := v.AboutBlock(b.Block, b.Height())
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	submit := func(b *chaintest.Block) {
		t.Helper()
		if _, err := c.Submit(b.Block); err != nil {
			t.Fatal(err)
		}
		if err := v.Update(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var atTip [][]About
	blocks := story.Tip.Chain()[1:]
	for _, b := range blocks {
		submit(b)
		atTip = append(atTip, about(b))
	}
	if int(updates.Load()) != len(blocks) {
		t.Errorf("%d calls of Updated for %d blocks", updates.Load(), len(blocks))
	}
	for i, b := range blocks {
		if got := about(b); !reflect.DeepEqual(got, atTip[i]) {
			t.Errorf("height %d: %+v below the tip, %+v at it", b.Height(), got, atTip[i])
		}
		for k, r := range b.Records {
			compareAbout(t, v, r, atTip[i][k], story)
		}
	}
	last := blocks[len(blocks)-1]
	other := story.Grow(last.Parent, 2, 0)
	submit(other.Parent)
	submit(other)
	if got := about(last); !reflect.DeepEqual(got, atTip[len(blocks)-1]) {
		t.Errorf("%+v of a block that has left, %+v before", got, atTip[len(blocks)-1])
	}
}

// compareAbout compares what a record is about with the lists.
func compareAbout(t *testing.T, v *Views, r *record.Record, a About, story *chaintest.Story) {
	t.Helper()
	subject, err := v.SubjectOf(r.ID())
	if err != nil {
		t.Fatal(err)
	}
	if subject != a.Subject {
		t.Errorf("%v is about %+v, the views have %+v", r.Type(), a.Subject, subject)
	}
	if isOfItem := a.Voucher != (record.ID{}); isOfItem && (a.GTIN != chaintest.GTIN || a.Serial == "" || !slices.Contains(a.Parties, story.Seller)) {
		t.Errorf("%v is about %+v", r.Type(), a)
	}
	for _, key := range []record.Key{story.Seller, story.Maker, story.Supervisor, story.Buyer} {
		list, err := v.All(Party(key), 1000)
		if err != nil {
			t.Fatal(err)
		}
		isListed := slices.ContainsFunc(list, func(e Entry) bool { return e.ID == r.ID() })
		if isNamed := slices.Contains(a.Parties, key); isListed && !isNamed || isNamed && !isListed && key != story.Seller && r.Type() != record.TypePay && r.Type() != record.TypeCoinbase {
			t.Errorf("%v: party %v is listed: %v, named: %v", r.Type(), key, isListed, isNamed)
		}
	}
}
