package export_test

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/chain/corpus"
	"stele/node/credit"
	"stele/node/export"
	"stele/node/ledger/network"
	"stele/node/store"
	"stele/node/views"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// built is the corpus, whose chain has cases of all kinds. It is never modified.
var built = sync.OnceValue(corpus.Build)

// open returns the parts of a node with the chain of a tip.
func open(t testing.TB, p *network.Params, tip *chaintest.Block, now time.Time) export.Source {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	id := store.Identity{Network: p.ID, Genesis: tip.Chain()[0].Hash()}
	st, err := store.Open("store", id, store.Options{FS: vfs.NewMem()})
	must(err)
	t.Cleanup(func() { must(st.Close()) })
	c, err := chain.Open(t.Context(), chain.Options{Store: st, Params: p, Clock: func() time.Time { return now }})
	must(err)
	for _, b := range tip.Chain()[1:] {
		_, err := c.Submit(b.Block)
		must(err)
	}
	index := credit.NewIndex(p)
	v, err := views.Open("views", views.Options{Chain: c, FS: vfs.NewMem(), Tables: []views.Table{index}})
	must(err)
	t.Cleanup(func() { must(v.Close()) })
	must(v.Update(t.Context()))
	return export.Source{Params: p, Chain: c, Views: v, Credit: credit.NewReader(v, index), Program: "test"}
}

// openCorpus returns a node with the chain of the corpus up to a height.
func openCorpus(t testing.TB, height uint32) export.Source {
	t.Helper()
	c := built()
	return open(t, c.Params, c.Tip.Chain()[height], c.Now)
}

// write returns an export and its manifest.
func write(t testing.TB, src export.Source, f export.Format, q export.Query) ([]byte, export.Manifest) {
	t.Helper()
	var out bytes.Buffer
	m, err := export.Write(t.Context(), &out, f, q, src)
	if err != nil {
		t.Fatalf("%s as %s: %v", q.Table, f, err)
	}
	return out.Bytes(), m
}
