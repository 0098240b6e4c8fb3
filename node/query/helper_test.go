package query_test

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/chain/corpus"
	"stele/node/ledger/network"
	"stele/node/pool"
	"stele/node/query"
	"stele/node/store"
	"stele/node/views"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// parts are the parts of a node.
type parts struct {
	*query.Reader
	chain *chain.Chain
	pool  *pool.Pool
	views *views.Views
	tip   *chaintest.Block
	now   time.Time // of its clock
	close []func() error
}

// openParts opens the parts of a node in memory, with the chain of a tip.
func openParts(ctx context.Context, p *network.Params, tip *chaintest.Block, now time.Time) (n *parts, err error) {
	n = &parts{tip: tip, now: now}
	id := store.Identity{Network: p.ID, Genesis: tip.Chain()[0].Hash()}
	st, err := store.Open("store", id, store.Options{FS: vfs.NewMem()})
	if err != nil {
		return nil, err
	}
	n.close = append(n.close, st.Close)
	n.chain, err = chain.Open(ctx, chain.Options{Store: st, Params: p, Clock: func() time.Time { return now }})
	if err != nil {
		return nil, err
	}
	for _, b := range tip.Chain()[1:] {
		if _, err := n.chain.Submit(b.Block); err != nil {
			return nil, err
		}
	}
	if n.pool, err = pool.New(pool.Options{Params: p, View: n.chain.View, Context: n.chain.NextContext}); err != nil {
		return nil, err
	}
	if n.views, err = views.Open("views", views.Options{Chain: n.chain, FS: vfs.NewMem()}); err != nil {
		return nil, err
	}
	n.close = append(n.close, n.views.Close)
	n.Reader = query.New(query.Options{Params: p, Chain: n.chain, Pool: n.pool, Views: n.views})
	return n, n.views.Update(ctx)
}

// openCorpus opens a node with the chain of the corpus, which has cases of all
// kinds.
func openCorpus(t *testing.T) *parts {
	t.Helper()
	c := corpus.Build()
	return openChain(t, c.Params, c.Tip, c.Now)
}

// openChain is openParts for a test, which closes them.
func openChain(t *testing.T, p *network.Params, tip *chaintest.Block, now time.Time) *parts {
	t.Helper()
	n, err := openParts(t.Context(), p, tip, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, closePart := range n.close {
			if err := closePart(); err != nil {
				t.Error(err)
			}
		}
	})
	return n
}

// pages returns all items of a list, read in pages of a size.
func pages[T any](t *testing.T, limit int, read func(query.Range) (query.Page[T], error)) (all []T) {
	t.Helper()
	for from := query.Cursor(""); ; {
		page, err := read(query.Range{From: from, Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) > limit || page.Items == nil {
			t.Fatalf("%d items on a page of %d", len(page.Items), limit)
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			return all
		}
		from = page.Next
	}
}
