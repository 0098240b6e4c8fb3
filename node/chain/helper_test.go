package chain

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
	"stele/node/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// verifier is shared by all tests, so that a signature is checked once.
var verifier = record.NewVerifier(1<<16, 0)

const dir = "store"

// rounds returns how often a random test is repeated: usual, or long if STELE_LONG is
// set.
func rounds(usual, long int) int {
	switch {
	case os.Getenv("STELE_LONG") != "":
		return long
	case raceDetector:
		return usual / 10
	}
	return usual
}

// node is a chain with its store, on a file system in memory.
type node struct {
	*Chain
	store *store.Store
	fs    vfs.FS
	seen  []Change
	tips  []*Tip // published when these were reported
}

type option func(*Options)

func keep(n uint32) option             { return func(o *Options) { o.Keep = n } }
func at(clock func() time.Time) option { return func(o *Options) { o.Clock = clock } }

func identity(p *network.Params) store.Identity {
	return store.Identity{Network: p.ID, Genesis: block.Genesis(p).Hash()}
}

// open opens a chain in fs, whose clock is that of the builder. The caller
// closes it.
func open(fs vfs.FS, b *chaintest.Builder, options ...option) (*node, error) {
	s, err := store.Open(dir, identity(b.Params), store.Options{FS: fs, CacheBytes: 4 << 20})
	if err != nil {
		return nil, err
	}
	n := &node{store: s, fs: fs}
	o := Options{
		Store: s, Params: b.Params, Verifier: verifier, Clock: b.Now,
		OnChange: func(c Change) { n.seen, n.tips = append(n.seen, c), append(n.tips, n.Tip()) },
	}
	for _, set := range options {
		set(&o)
	}
	n.Chain, err = Open(context.Background(), o)
	if err != nil {
		s.Close()
		return nil, err
	}
	return n, nil
}

// newNode opens a chain in a new store and closes it after the test.
func newNode(t testing.TB, b *chaintest.Builder, options ...option) *node {
	t.Helper()
	n, err := open(vfs.NewMem(), b, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// give submits blocks, each of which must have the outcome.
func (n *node) give(t testing.TB, want Outcome, blocks ...*chaintest.Block) {
	t.Helper()
	for _, b := range blocks {
		if got, err := n.Submit(b.Block); got != want || err != nil {
			t.Fatalf("height %d: %v, %v, want %v", b.Height(), got, err, want)
		}
	}
}

// reject submits a block that must be rejected with the reason.
func (n *node) reject(t testing.TB, want reject.Reason, b *block.Block) {
	t.Helper()
	got, err := n.Submit(b)
	if reason, _ := reject.Of(err); reason != want {
		t.Fatalf("%v, %v, want %v", got, err, want)
	}
}

// mustBe checks that the tip is b, and that the state is that of a replay.
func (n *node) mustBe(t testing.TB, b *chaintest.Block) {
	t.Helper()
	tip := n.Tip()
	if tip.Hash != b.Hash() || tip.Height != b.Height() || tip.Work != b.Work() {
		t.Fatalf("the tip is %v at %d, want %v at %d", tip.Hash, tip.Height, b.Hash(), b.Height())
	}
	if got, want := stateHash(t, n.store), b.StateHash(); got != want {
		t.Fatalf("height %d: the state has the hash %v, a replay gives %v", tip.Height, got, want)
	}
}

func stateHash(t testing.TB, s *store.Store) pow.Hash {
	t.Helper()
	snapshot := s.Snapshot()
	defer snapshot.Close()
	hash := rules.StateHash(snapshot.State)
	if err := snapshot.Err(); err != nil {
		t.Fatal(err)
	}
	return hash
}

// check runs Check, which must find no damage.
func (n *node) check(t testing.TB) Report {
	t.Helper()
	report, err := Check(t.Context(), n.store, n.params, CheckOptions{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	if report.Broken() {
		t.Fatalf("damage %v, files %v", report.Damage, report.Files)
	}
	return report
}

// grown returns the blocks of a new chain of n blocks after parent, each with a number
// of records.
func grown(b *chaintest.Builder, parent *chaintest.Block, n, records int) []*chaintest.Block {
	var blocks []*chaintest.Block
	for range n {
		parent = b.Extend(parent, b.Records(parent, records)...)
		blocks = append(blocks, parent)
	}
	return blocks
}

func last(blocks []*chaintest.Block) *chaintest.Block { return blocks[len(blocks)-1] }

// hashes returns the hashes of blocks, to compare with those of a Change.
func hashes(blocks []*block.Block) []pow.Hash {
	var all []pow.Hash
	for _, b := range blocks {
		all = append(all, b.Hash())
	}
	return all
}

func hashesOf(blocks []*chaintest.Block, reverse bool) []pow.Hash {
	var all []pow.Hash
	for _, b := range blocks {
		all = append(all, b.Hash())
	}
	if reverse {
		slices.Reverse(all)
	}
	return all
}
