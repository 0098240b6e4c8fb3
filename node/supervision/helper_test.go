package supervision

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/pool"
	"stele/node/query"
	"stele/node/store"
	"stele/node/template"
	"stele/node/traffic"
	"stele/node/views"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node is the parts of a node that supervision needs.
type node struct {
	*testing.T
	*Reader
	params *network.Params
	chain  *chain.Chain
	blocks map[*chaintest.Block]bool // that were submitted
	clock  time.Time
}

// open opens a node in memory, with genesis alone.
func open(t *testing.T, p *network.Params, genesis *chaintest.Block, now time.Time) *node {
	t.Helper()
	n := &node{T: t, params: p, blocks: map[*chaintest.Block]bool{genesis: true}, clock: now}
	st, err := store.Open("store", store.Identity{Network: p.ID, Genesis: genesis.Hash()}, store.Options{FS: vfs.NewMem()})
	n.check(err)
	t.Cleanup(func() { n.check(st.Close()) })
	n.chain, err = chain.Open(t.Context(), chain.Options{Store: st, Params: p, Clock: func() time.Time { return n.clock }})
	n.check(err)
	records, err := pool.New(pool.Options{Params: p, View: n.chain.View, Context: n.chain.NextContext})
	n.check(err)
	x := NewIndex(p)
	v, err := views.Open("views", views.Options{Chain: n.chain, FS: vfs.NewMem(), Tables: []views.Table{x}})
	n.check(err)
	t.Cleanup(func() { n.check(v.Close()) })
	n.Reader = NewReader(query.New(query.Options{Params: p, Chain: n.chain, Pool: records, Views: v}), v, x)
	return n
}

func (n *node) check(err error) {
	n.Helper()
	if err != nil {
		n.Fatal(err)
	}
}

// moveTo brings the chain and the index to a block, which must be the best of those that
// were submitted.
func (n *node) moveTo(to *chaintest.Block) {
	n.Helper()
	for _, b := range to.Chain() {
		if !n.blocks[b] {
			n.blocks[b] = true
			_, err := n.chain.Submit(b.Block)
			n.check(err)
		}
	}
	if n.chain.Tip().Hash != to.Hash() {
		n.Fatalf("the tip is %v, want %v", n.chain.Tip().Hash, to.Hash())
	}
	n.check(n.views.Update(n.Context()))
}

// pages returns all items of a list, read in pages of a size.
func pages[T any](n *node, limit int, read func(query.Range) (query.Page[T], error)) (all []T) {
	n.Helper()
	for from := query.Cursor(""); ; {
		page, err := read(query.Range{From: from, Limit: limit})
		n.check(err)
		if len(page.Items) > limit || page.Items == nil {
			n.Fatalf("%d items on a page of %d", len(page.Items), limit)
		}
		all = append(all, page.Items...)
		if from = page.Next; from == "" {
			return all
		}
	}
}

// trafficChain returns a chain of cases of all kinds that the generator of traffic
// made, as the blocks of a builder, the builder, and the time at its end.
var trafficChain = sync.OnceValues(func() (*chaintest.Builder, *chaintest.Block) {
	const blocks, records = 70, 40
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	p := *network.Dev
	now := time.Unix(int64(p.GenesisTime), 0)
	clock := func() time.Time { return now }
	st, err := store.Open("store", store.Identity{Network: p.ID, Genesis: block.Genesis(&p).Hash()}, store.Options{FS: vfs.NewMem()})
	must(err)
	var waiting *pool.Pool
	ch, err := chain.Open(context.Background(), chain.Options{
		Store: st, Params: &p, Clock: clock, OnChange: func(c chain.Change) { must(waiting.Update(c)) },
	})
	must(err)
	waiting, err = pool.New(pool.Options{Params: &p, View: ch.View, Context: ch.NextContext})
	must(err)
	gen, err := traffic.New(traffic.Options{
		Params: &p, Rate: 1, Seed: 1, Accounts: network.DevFaucets(), Roots: network.DevRoots(), Chain: ch, Pool: waiting, Now: clock,
	})
	must(err)
	b := chaintest.New(&p, 1)
	tip := b.Genesis
	for range blocks {
		now = now.Add(time.Duration(p.Pow.TargetSpacing) * time.Second)
		must(gen.Send(records))
		made, err := template.Build(ch.Tip(), waiting, ch.View(), template.Options{Params: &p, Now: clock})
		must(err)
		header := made.Header(1, made.Version, made.Time)
		chaintest.Mine(&header)
		solved := made.Block(1, header)
		_, err = ch.Submit(solved)
		must(err)
		tip = b.Add(tip, solved)
	}
	must(st.Close())
	return b, tip
})

// remix returns the last block of a branch that leaves the chain of tip at a height. It
// has the same records as far as they are valid, some of them blocks later.
func remix(b *chaintest.Builder, tip *chaintest.Block, from uint32, blocks int, rng *rand.Rand) *chaintest.Block {
	all := tip.Chain()
	at, waiting := all[from], []*record.Record(nil)
	for i := range blocks {
		if next := int(from) + 1 + i; next < len(all) {
			waiting = append(waiting, all[next].Records[1:]...)
		}
		s := rules.NewState(at.View())
		c := rules.Context{Params: b.Params, Height: at.Height() + 1, MedianTime: at.Node().MedianTime()}
		var taken, later []*record.Record
		for _, r := range waiting {
			if rng.IntN(8) == 0 || rules.Apply(s, c, r) != nil {
				later = append(later, r)
			} else {
				taken = append(taken, r)
			}
		}
		at, waiting = b.Extend(at, taken...), later
	}
	return at
}
