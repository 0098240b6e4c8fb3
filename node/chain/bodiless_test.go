package chain

import (
	"testing"
	"time"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/ledger/reject"
)

// bare returns n headers after a parent, of blocks that do not exist.
func bare(parent pow.Header, n int, name byte) []pow.Header {
	var headers []pow.Header
	for range n {
		h := pow.Header{Prev: parent.Hash(), MerkleRoot: pow.Hash{name}, Time: parent.Time + 64, Bits: parent.Bits}
		chaintest.Mine(&h)
		headers = append(headers, h)
		parent = h
	}
	return headers
}

// has reports whether a node knows a header.
func (n *node) has(h pow.Header) bool {
	_, ok := n.Header(h.Hash())
	return ok
}

// There is room for headers without bodies only up to a bound. Beyond it those of the
// branches that have shown the least work go, and a branch with more work than others is
// always admitted.
func TestBodilessBound(t *testing.T) {
	const count = 2000
	b := chaintest.New(chaintest.Network(), 61)
	n := newNode(t, b, at(func() time.Time { return b.Now().Add(count * time.Hour) }))
	add := func(proven uint64, headers ...pow.Header) {
		t.Helper()
		if added, err := n.AddHeaders(headers, pow.Work{proven}); added != len(headers) || err != nil {
			t.Fatalf("%d of %d headers, %v", added, len(headers), err)
		}
	}
	var branches [][]pow.Header
	for i := range spareBodiless / count {
		branches = append(branches, bare(b.Genesis.Header, count, byte(i)))
		add(100_000+uint64(i), branches[i]...)
	}
	holds := func(want int) {
		t.Helper()
		if len(n.bodiless) != want || n.tree.Len() != want+1 {
			t.Fatalf("%d headers without bodies, %d in all, want %d", len(n.bodiless), n.tree.Len(), want)
		}
	}
	holds(spareBodiless)
	other := bare(b.Genesis.Header, count, 100)
	n.rejectHeaders(t, reject.LowWork, 0, pow.Work{50_000}, other...)
	for range 2000 {
		n.rejectHeaders(t, reject.LowWork, 0, pow.Work{100_000}, other[0]) // no more than any
	}
	holds(spareBodiless)
	add(200_000, other...)
	holds(spareBodiless - slackBodiless)
	left := count - slackBodiless // of the branch with the least work but one
	if n.has(branches[0][0]) || n.has(branches[1][left]) || !n.has(branches[1][left-1]) || !n.has(final(other)) {
		t.Error("not the ends of the branches with the least work are gone")
	}

	// What others build on stays.
	add(150_000, bare(branches[1][left-1], count, 101)...)
	holds(spareBodiless - slackBodiless)
	if n.has(branches[2][0]) || !n.has(branches[1][0]) {
		t.Error("not the branch with the least work but one is gone")
	}

	// A branch that grew by and by goes from its end too.
	grew := bare(b.Genesis.Header, 300, 102)
	for i, h := range grew {
		add(150_100+uint64(i), h)
	}
	for i := range byte(8) {
		add(300_000, bare(b.Genesis.Header, count+300, 103+i)...)
	}
	if n.has(grew[0]) || len(n.bodiless) > spareBodiless {
		t.Errorf("%d headers without bodies", len(n.bodiless))
	}
}

// Headers without bodies go after an hour, if their branch has shown less work than the
// chain has.
func TestBodilessExpire(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 62)
	later := time.Duration(0)
	n := newNode(t, b, at(func() time.Time { return b.Now().Add(later) }))
	blocks := grown(b, b.Genesis, 20, 0)
	n.give(t, Extended, blocks[:10]...)
	young, old := grown(b, b.Genesis, 5, 0), grown(b, b.Genesis, 5, 0)
	strong := grown(b, b.Genesis, 5, 0)
	n.addHeaders(t, old...)
	if added, err := n.AddHeaders(headersOf(strong), pow.Work{1000}); added != 5 || err != nil {
		t.Fatal(added, err)
	}
	later = keepBodiless - time.Minute
	n.addHeaders(t, young...)
	n.give(t, Extended, blocks[10])
	if !n.has(old[4].Header) {
		t.Error("a header is gone early")
	}
	later = keepBodiless
	n.give(t, Extended, blocks[11])
	if n.has(old[0].Header) || !n.has(young[4].Header) || !n.has(strong[0].Header) {
		t.Error("not the old headers with little work are gone")
	}
	later += keepBodiless
	if _, err := n.AddHeaders(headersOf(blocks[:1]), blocks[0].Work()); err != nil {
		t.Fatal(err)
	}
	if n.has(young[0].Header) || !n.has(strong[4].Header) || len(n.bodiless) != 5 {
		t.Errorf("%d headers without bodies are left", len(n.bodiless))
	}
}

// A branch with more work that leaves the chain where bodies are pruned is rejected and
// reported, until the chain has more.
func TestBelowPruned(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 63)
	later := time.Duration(0)
	n := newNode(t, b, keep(MinKeep), at(func() time.Time { return b.Now().Add(later) }))
	chain := grown(b, b.Genesis, MinKeep+20, 0)
	n.give(t, Extended, chain[:MinKeep+10]...)
	if got := n.Oldest(); got != 11 {
		t.Fatalf("the oldest body has height %d", got)
	}
	if n.HasBody(chain[9].Hash()) || !n.HasBody(chain[10].Hash()) {
		t.Error("wrong bodies")
	}
	low := grown(b, chain[8], MinKeep+1, 0) // as much work as the chain has
	n.rejectHeaders(t, reject.BelowPruned, 0, last(low).Work(), headersOf(low)...)
	if got := n.Trouble(); got != "" {
		t.Errorf("trouble %q about a branch with no more work", got)
	}
	n.rejectHeaders(t, reject.BelowPruned, 0, b.Extend(last(low)).Work(), headersOf(low)...)
	if reason, _ := reject.Of(n.CheckHeader(b.Extend(chain[8]).Header)); reason != reject.BelowPruned {
		t.Errorf("a header below the oldest body: %v", reason)
	}
	if n.Trouble() == "" {
		t.Error("no trouble about a branch with more work")
	}
	// A branch may be left behind while its bodies are fetched.
	slow := grown(b, chain[11], 300, 0)
	n.addHeaders(t, slow...)
	n.give(t, SideBranch, slow[0])
	n.give(t, Extended, chain[MinKeep+10:MinKeep+13]...)
	if n.Trouble() != "" {
		t.Error("there is trouble although the chain has more work")
	}
	n.reject(t, reject.BelowPruned, slow[1].Block)
	later = time.Hour
	n.give(t, Extended, chain[MinKeep+13])
	if n.has(slow[1].Header) || len(n.bodiless) != 0 || n.BestHeader().Hash != n.Tip().Hash {
		t.Errorf("%d headers are kept that cannot be followed", len(n.bodiless))
	}
	if n.Trouble() == "" {
		t.Error("no trouble about a branch that was left behind")
	}
	n.check(t)
}
