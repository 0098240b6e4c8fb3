package anomaly

import (
	"context"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
	"stele/node/store"
	"stele/node/views"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fatal is what a test and a property have in common.
type fatal interface {
	Context() context.Context
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// link is a block of a tree of branches that nobody checks.
type link struct {
	*block.Block
	hash   pow.Hash
	height uint32
	parent *link
}

func (l *link) ancestor(height uint32) *link {
	for l.height > height {
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
	blocks map[pow.Hash]*link
	tip    *link
}

// add makes records a block on parent.
func (t *tree) add(parent *link, records ...*record.Record) *link {
	l := &link{parent: parent, Block: new(block.Block)}
	l.Header.Nonce = uint32(len(t.blocks))
	coinbase := record.Coinbase{}
	if parent != nil {
		l.height, l.Header.Prev = parent.height+1, parent.hash
		coinbase.Height = l.height
	}
	l.Records = append([]*record.Record{record.New(record.Record{Payload: coinbase, Seq: uint64(len(t.blocks))})}, records...)
	l.hash = l.Header.Hash()
	t.blocks[l.hash] = l
	return l
}

func (t *tree) Tip() *chain.Tip { return &chain.Tip{Hash: t.tip.hash, Height: t.tip.height} }

func (t *tree) Header(hash pow.Hash) (chain.Header, bool) {
	l, ok := t.blocks[hash]
	if !ok {
		return chain.Header{}, false
	}
	return chain.Header{Header: l.Block.Header, Hash: hash, Height: l.height, MedianTime: 60 * l.height, InChain: t.tip.height >= l.height && t.tip.ancestor(l.height) == l}, true
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
	return true, read(emptyState{}, rules.Context{Params: network.Main, Height: t.tip.height + 1, MedianTime: 60 * t.tip.height})
}

func (t *tree) Sync() error { return nil }

// follower is an index that follows a tree.
type follower struct {
	fatal
	tree  *tree
	views *views.Views
	*Reader
}

// follow opens an index of a tree.
func follow(t fatal, c *tree, p Params) *follower {
	t.Helper()
	x := &Index{p}
	v, err := views.Open("views", views.Options{Chain: c, FS: vfs.NewMem(), Tables: []views.Table{x}})
	if err != nil {
		t.Fatal(err)
	}
	return &follower{t, c, v, NewReader(v, x)}
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

// all returns all findings that pass a filter, read in pages.
func (f *follower) all(want Filter) (all []Finding) {
	f.Helper()
	for from := query.Cursor(""); ; {
		page, err := f.Select(want, query.Range{From: from, Limit: 3})
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, page.Items...)
		if from = page.Next; from == "" {
			return all
		}
	}
}

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
