package chain

import (
	"errors"
	"testing"

	"stele/node/chain/chaintest"
	"stele/node/ledger/rules"
)

// ReadState reads the state of one block, also while the chain goes on, and
// nothing for a block that is not the tip.
func TestReadState(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 1)
	tip := b.Grow(b.Genesis, 5, 3)
	next := b.Extend(tip)
	c := newNode(t, b)
	c.give(t, Extended, tip.Chain()[1:]...)
	supply := func(v rules.View) uint64 {
		t.Helper()
		n, err := rules.Supply(v)
		if err != nil {
			t.Fatal(err)
		}
		return uint64(n)
	}
	ok, err := c.ReadState(tip.Hash(), func(v rules.View, at rules.Context) error {
		before := supply(v)
		if at.Height != 6 || at.MedianTime != tip.Node().MedianTime() || before != supply(tip.View()) {
			t.Errorf("context %+v, supply %d", at, before)
		}
		if _, err := c.Submit(next.Block); err != nil {
			return err
		}
		if after := supply(v); after != before {
			t.Errorf("supply %d, then %d", before, after)
		}
		return nil
	})
	if !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	ok, err = c.ReadState(tip.Hash(), func(rules.View, rules.Context) error { return errors.New("called") })
	if ok || err != nil {
		t.Errorf("of a block that is not the tip: %v, %v", ok, err)
	}
	want := errors.New("of the caller")
	if _, err := c.ReadState(next.Hash(), func(rules.View, rules.Context) error { return want }); !errors.Is(err, want) {
		t.Error(err)
	}
}
