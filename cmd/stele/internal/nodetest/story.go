package nodetest

import (
	"testing"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/network"
	"stele/node/store"
)

// Story creates a store of the development network with a case in which goods are sold
// and delivered.
func Story(t *testing.T, dir string) *chaintest.Story {
	t.Helper()
	s := chaintest.NewStory(network.Dev, "somewhere")
	for _, step := range []func(){s.Sell, s.Send, s.HandOver, s.Deliver, s.Evaluate} {
		step()
	}
	st, err := store.Open(dir, store.Identity{Network: network.Dev.ID, Genesis: s.Genesis.Hash()}, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := chain.Open(t.Context(), chain.Options{Store: st, Params: network.Dev, Clock: s.Now})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range s.Tip.Chain()[1:] {
		if _, err := c.Submit(b.Block); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	return s
}
