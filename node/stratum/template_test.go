package stratum

import (
	"testing"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/pool"
	"stele/node/template"
)

// newTemplate returns a template of a short chain, the builder of that, and its
// last block.
func newTemplate(t testing.TB) (*template.Template, *chaintest.Builder, *chaintest.Block) {
	t.Helper()
	b := chaintest.New(chaintest.Network(), 1)
	tip := b.Grow(b.Genesis, 3, 1)
	p, err := pool.New(pool.Options{
		Params:  b.Params,
		View:    func() rules.View { return tip.View() },
		Context: func() rules.Context { return rules.Context{Params: b.Params, Height: tip.Height() + 1} },
	})
	if err != nil {
		t.Fatal(err)
	}
	n := tip.Node()
	made, err := template.Build(&chain.Tip{
		Hash: tip.Hash(), Height: tip.Height(), Header: tip.Header, Work: tip.Work(),
		MedianTime: n.MedianTime(), NextBits: n.NextBits(), MinTime: n.MinTime(),
	}, p, tip.View(), template.Options{Params: b.Params, Payout: record.Key{7}, Now: b.Now})
	if err != nil {
		t.Fatal(err)
	}
	return made, b, tip
}
