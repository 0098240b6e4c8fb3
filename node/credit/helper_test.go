package credit

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/pool"
	"stele/node/store"
	"stele/node/template"
	"stele/node/traffic"
	"stele/node/views"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fatal is what a test and a property have in common.
type fatal interface {
	Context() context.Context
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

// link is a block of a tree of branches.
type link struct {
	*block.Block
	hash   pow.Hash
	height uint32
	parent *link
	median uint32           // of this block and those before it
	valid  *chaintest.Block // nil: nobody checks the block
}

func (l *link) ancestor(height uint32) *link {
	for l != nil && l.height > height {
		l = l.parent
	}
	return l
}

// path returns the blocks from genesis to l.
func (l *link) path() (all []*link) {
	for ; l != nil; l = l.parent {
		all = append(all, l)
	}
	slices.Reverse(all)
	return all
}

// tree is a chain with branches, for [views.Open].
type tree struct {
	params *network.Params
	blocks map[pow.Hash]*link
	tip    *link
}

func newTree(p *network.Params) *tree { return &tree{params: p, blocks: map[pow.Hash]*link{}} }

// add makes records that nobody checks a block on parent.
func (t *tree) add(parent *link, records ...*record.Record) *link {
	l := &link{parent: parent, Block: new(block.Block)}
	l.Header.Nonce = uint32(len(t.blocks))
	coinbase := record.Coinbase{}
	if parent != nil {
		l.height, l.Header.Prev, l.median = parent.height+1, parent.hash, parent.median+60
		coinbase.Height = l.height
	}
	l.Records = append([]*record.Record{record.New(record.Record{Payload: coinbase, Seq: uint64(len(t.blocks))})}, records...)
	l.hash = l.Header.Hash()
	t.blocks[l.hash] = l
	return l
}

// addValid adds a block of a builder, and those before it.
func (t *tree) addValid(b *chaintest.Block) *link {
	if l, ok := t.blocks[b.Hash()]; ok {
		return l
	}
	l := &link{Block: b.Block, hash: b.Hash(), height: b.Height(), median: b.Node().MedianTime(), valid: b}
	if b.Parent != nil {
		l.parent = t.addValid(b.Parent)
	}
	t.blocks[l.hash] = l
	return l
}

func (t *tree) Tip() *chain.Tip { return &chain.Tip{Hash: t.tip.hash, Height: t.tip.height} }

func (t *tree) Header(hash pow.Hash) (chain.Header, bool) {
	l, ok := t.blocks[hash]
	if !ok {
		return chain.Header{}, false
	}
	return chain.Header{Header: l.Block.Header, Hash: hash, Height: l.height, MedianTime: l.median, InChain: t.tip.ancestor(l.height) == l}, true
}

func (t *tree) HeaderAt(height uint32) (chain.Header, bool) {
	if height > t.tip.height {
		return chain.Header{}, false
	}
	return t.Header(t.tip.ancestor(height).hash)
}

func (t *tree) Block(hash pow.Hash) (*block.Block, error) {
	l, ok := t.blocks[hash]
	if !ok {
		return nil, store.ErrNotFound
	}
	return l.Block, nil
}

// emptyState is the state of a chain of blocks that nobody checks.
type emptyState struct{}

func (emptyState) Get([]byte) ([]byte, error) { return nil, nil }

func (t *tree) ReadState(tip pow.Hash, read func(rules.View, rules.Context) error) (bool, error) {
	if tip != t.tip.hash {
		return false, nil
	}
	var view rules.View = emptyState{}
	if t.tip.valid != nil {
		view = t.tip.valid.View()
	}
	return true, read(view, rules.Context{Params: t.params, Height: t.tip.height + 1, MedianTime: t.tip.median})
}

func (t *tree) Sync() error { return nil }

// follower is an index that follows a tree.
type follower struct {
	fatal
	tree  *tree
	index *Index
	views *views.Views
	*Reader
}

// follow opens an index of a tree, with periods of a number of blocks.
func follow(t fatal, c *tree, period uint32) *follower {
	t.Helper()
	x := NewIndex(c.params)
	x.params.Period = period
	x.board = newBoard(x.params)
	x.recent, x.offers.limit = newCache(20), 5 // so that both overflow
	v, err := views.Open("views", views.Options{Chain: c, FS: vfs.NewMem(), Tables: []views.Table{x}})
	if err != nil {
		t.Fatal(err)
	}
	return &follower{t, c, x, v, NewReader(v, x)}
}

// moveTo brings the chain and the index to a block.
func (f *follower) moveTo(l *link) {
	f.Helper()
	f.tree.tip = l
	if err := f.views.Update(f.Context()); err != nil {
		f.Fatal(err)
	}
}

func (f *follower) close() {
	if err := f.views.Close(); err != nil {
		f.Fatal(err)
	}
}

// dump returns all entries of the index.
func (f *follower) dump() map[string]string {
	f.Helper()
	all := map[string]string{}
	err := f.views.Ask(func(db pebble.Reader, _ views.Tip) error {
		iter, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefix}, UpperBound: []byte{prefix + 1}})
		if err != nil {
			return err
		}
		for ok := iter.First(); ok; ok = iter.Next() {
			value := string(iter.Value())
			if iter.Key()[1] == bucketEntry { // the ids are in the order in which the block changed them
				value = value[:bucketSize]
			}
			all[fmt.Sprintf("%q", iter.Key())] = fmt.Sprintf("%x", value)
		}
		return iter.Close()
	})
	if err != nil {
		f.Fatal(err)
	}
	return all
}

// scores returns the scores that the board shows.
func (f *follower) scores() map[Owner]Ranked {
	f.Helper()
	all := map[Owner]Ranked{}
	for _, ask := range []func(int, int) (Ranking, error){f.Sellers, f.Products} {
		page, err := ask(1, 1<<30)
		if err != nil {
			f.Fatal(err)
		}
		for _, r := range page.Ranked {
			all[r.Owner] = r
		}
	}
	return all
}

// sameAsScratch compares the index with one that is built anew.
func (f *follower) sameAsScratch() {
	f.Helper()
	fresh := follow(f.fatal, f.tree, f.index.params.Period)
	defer fresh.close()
	fresh.moveTo(f.tree.tip)
	got, want := f.dump(), fresh.dump()
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if got[key] != want[key] {
			f.Fatalf("height %d: entry %s is %s, built anew %s", f.tree.tip.height, key, got[key], want[key])
		}
	}
	if len(got) != len(want) {
		f.Fatalf("height %d: %d entries, built anew %d", f.tree.tip.height, len(got), len(want))
	}
	if got, want := f.scores(), fresh.scores(); !maps.Equal(got, want) {
		f.Fatalf("height %d: scores %v, built anew %v", f.tree.tip.height, got, want)
	}
}

// trafficChain returns a chain of cases of all kinds that the generator of traffic
// made, as the blocks of a builder, and the builder.
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
	var records_ *pool.Pool
	ch, err := chain.Open(context.Background(), chain.Options{
		Store: st, Params: &p, Clock: clock, OnChange: func(c chain.Change) { must(records_.Update(c)) },
	})
	must(err)
	records_, err = pool.New(pool.Options{Params: &p, View: ch.View, Context: ch.NextContext})
	must(err)
	gen, err := traffic.New(traffic.Options{
		Params: &p, Rate: 1, Seed: 1, Accounts: network.DevFaucets(), Roots: network.DevRoots(), Chain: ch, Pool: records_, Now: clock,
	})
	must(err)
	b := chaintest.New(&p, 1)
	tip := b.Genesis
	for range blocks {
		now = now.Add(time.Duration(p.Pow.TargetSpacing) * time.Second)
		must(gen.Send(records))
		made, err := template.Build(ch.Tip(), records_, ch.View(), template.Options{Params: &p, Now: clock})
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

var seq uint64

// by returns a record of an author that is unlike all others, and that nobody checks.
func by(author record.Key, p record.Payload) *record.Record {
	seq++
	return record.New(record.Record{Network: 1, Version: 1, Seq: seq, Key: author, Payload: p})
}

// key returns the key of a number.
func key(n uint32) (k record.Key) {
	binary.BigEndian.PutUint32(k[:], n)
	k[31] = 1
	return k
}
