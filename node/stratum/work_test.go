package stratum

import (
	"encoding/binary"
	"testing"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger"
	"stele/node/pool"
	"stele/node/record"
	"stele/node/template"
)

// What a work remembers for keys has a bound.
func TestPaidBound(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 1)
	tip := b.Grow(b.Genesis, 2, 0)
	p, err := pool.New(pool.Options{
		Params:  b.Params,
		View:    func() ledger.View { return tip.View() },
		Context: func() ledger.Context { return ledger.Context{Params: b.Params, Height: tip.Height() + 1} },
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
	var ws works
	ws.take(made, b.Now())
	for i := range 3 * mostPaid {
		var key record.Key
		binary.LittleEndian.PutUint32(key[:], uint32(i))
		ws.newest.notify(key, true)
		if got := ws.newest.paidTo(key).Payout(); got != key {
			t.Fatalf("key %d: %v is paid", i, got)
		}
	}
	if n, lines := len(ws.newest.paid), len(ws.newest.lines); n > mostPaid || lines > mostPaid {
		t.Errorf("%d keys are remembered, %d lines", n, lines)
	}
}
