package views

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/store"
)

// fatal is what a test and a property have in common.
type fatal interface {
	Context() context.Context
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// tree is a chain of blocks that nobody checks, with all its branches.
type tree struct {
	blocks map[pow.Hash]*node
	tip    *node
	pruned map[pow.Hash]bool
	synced *node // the tip at the last Sync
}

type node struct {
	*block.Block
	hash   pow.Hash
	height uint32
	parent *node
}

func newTree() *tree {
	t := &tree{blocks: map[pow.Hash]*node{}, pruned: map[pow.Hash]bool{}}
	t.tip = t.add(nil)
	return t
}

// add makes a block on parent. It does not become the tip.
func (t *tree) add(parent *node, records ...*record.Record) *node {
	n := &node{parent: parent, Block: new(block.Block)}
	n.Header.Nonce = uint32(len(t.blocks))
	coinbase := record.Coinbase{}
	if parent != nil {
		n.height = parent.height + 1
		n.Header.Prev = parent.hash
		coinbase.Height = n.height
	}
	n.Records = append([]*record.Record{record.New(record.Record{Payload: coinbase, Seq: uint64(len(t.blocks))})}, records...)
	n.hash = n.Header.Hash()
	t.blocks[n.hash] = n
	return n
}

// extend makes the records a block on the tip.
func (t *tree) extend(records ...*record.Record) *node {
	t.tip = t.add(t.tip, records...)
	return t.tip
}

func (n *node) ancestor(height uint32) *node {
	for n != nil && n.height > height {
		n = n.parent
	}
	return n
}

func (t *tree) Tip() *chain.Tip { return &chain.Tip{Hash: t.tip.hash, Height: t.tip.height} }

func (t *tree) Header(hash pow.Hash) (chain.Header, bool) {
	n, ok := t.blocks[hash]
	if !ok {
		return chain.Header{}, false
	}
	return chain.Header{Header: n.Block.Header, Hash: hash, Height: n.height, InChain: t.tip.ancestor(n.height) == n}, true
}

func (t *tree) HeaderAt(height uint32) (chain.Header, bool) {
	if height > t.tip.height {
		return chain.Header{}, false
	}
	return t.Header(t.tip.ancestor(height).hash)
}

func (t *tree) Block(hash pow.Hash) (*block.Block, error) {
	n, ok := t.blocks[hash]
	switch {
	case !ok:
		return nil, store.ErrNotFound
	case t.pruned[hash]:
		return nil, store.ErrPruned
	}
	return n.Block, nil
}

// emptyState is the state of a chain of blocks that nobody checks.
type emptyState struct{}

func (emptyState) Get([]byte) ([]byte, error) { return nil, nil }

func (t *tree) ReadState(tip pow.Hash, read func(rules.View, rules.Context) error) (bool, error) {
	if tip != t.tip.hash {
		return false, nil
	}
	return true, read(emptyState{}, rules.Context{Params: network.Dev, Height: t.tip.height + 1})
}

func (t *tree) Sync() error {
	t.synced = t.tip
	return nil
}

func open(t fatal, c Chain, fs vfs.FS) *Views {
	t.Helper()
	v, err := Open("views", Options{Chain: c, FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// dump returns all entries.
func dump(t fatal, v *Views) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := v.read(func(db *pebble.DB) error {
		iter, err := db.NewIter(nil)
		if err != nil {
			return err
		}
		defer iter.Close()
		for ok := iter.First(); ok; ok = iter.Next() {
			all[fmt.Sprintf("%q", iter.Key())] = fmt.Sprintf("%x", iter.Value())
		}
		return iter.Error()
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// same compares views with those that are built anew.
func same(t fatal, v *Views, c Chain) {
	t.Helper()
	fresh := open(t, c, vfs.NewMem())
	defer fresh.Close()
	if err := fresh.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, want := dump(t, v), dump(t, fresh)
	if maps.Equal(got, want) {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if got[key] != want[key] {
			t.Fatalf("entry %s is %q, built anew %q", key, got[key], want[key])
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			t.Fatalf("entry %s is left over", key)
		}
	}
}

func key(n int) record.Key { return record.Key{0: byte(n), 1: byte(n >> 8), 31: 1} }

var seq uint64

// by returns a record of an author that is unlike all others.
func by(author record.Key, p record.Payload) *record.Record {
	seq++
	return record.New(record.Record{Network: 1, Version: 1, Seq: seq, Key: author, Payload: p})
}

func digest(n int) (d record.Digest) {
	binary.BigEndian.PutUint64(d[:], uint64(n)+1)
	return d
}

// failing is a disk that can be made to fail.
type failing struct{ on atomic.Bool }

func (f *failing) MaybeError(op errorfs.Op) error {
	if f.on.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
		return syscall.ENOSPC
	}
	return nil
}

func (f *failing) String() string { return "disk" }

func (f *failing) wrap(fs vfs.FS) vfs.FS { return errorfs.Wrap(fs, f) }

func (v *Views) logger() pebble.Logger { return logger{v} }
