package chain

import (
	"testing"

	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/headertree"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// quick returns n blocks after parent with the earliest times, so that the
// difficulty rises by 4 with each retarget.
func quick(b *chaintest.Builder, parent *chaintest.Block, n int) []*chaintest.Block {
	var blocks []*chaintest.Block
	for range n {
		draft := b.Draft(parent)
		draft.Header.Time = parent.Node().MinTime()
		parent = b.Add(parent, draft.Seal())
		blocks = append(blocks, parent)
	}
	return blocks
}

// A branch whose difficulty is far below that of the tip costs nothing. What is stored
// of such branches is bounded, also after a restart, and excludes no other block.
func TestCheapSiblings(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 12)
	n := newNode(t, b)
	main := quick(b, b.Genesis, 50)
	n.give(t, Extended, main...)
	if !n.isCheap(b.Genesis.Header.Bits) || n.isCheap(main[40].Header.Bits) {
		t.Fatal("the difficulty of the tip is too low for this test")
	}
	sibling := func() *block.Block { return b.Draft(b.Genesis).Seal() }
	foreign := b.Frame(b.Genesis, b.Funded(b.Genesis, 0))
	foreign.Network++
	foreign.Payload = record.KeyRotate{New: record.PublicOf(b.NewKey())}
	n.reject(t, reject.WrongNetwork, b.Draft(b.Genesis, b.Sign(foreign)).Seal()) // and is remembered
	kept := len(n.cheap.blocks)
	if kept != 1 {
		t.Errorf("%d cheap blocks, want the one that is invalid", kept)
	}
	rival := quick(b, b.Genesis, 52) // its first blocks are cheap
	for ; kept < maxCheapBlocks; kept++ {
		if outcome, err := n.Submit(sibling()); outcome != SideBranch || err != nil {
			t.Fatalf("sibling %d: %v, %v", kept, outcome, err)
		}
	}
	rejected := sibling()
	n.reject(t, reject.LowWork, rejected)
	if _, ok := n.Header(rejected.Hash()); ok {
		t.Error("the header of a cheap block that is rejected is kept")
	}
	// Neither the chain nor a branch at its difficulty is affected.
	n.give(t, SideBranch, b.Extend(main[48]))
	more := grown(b, last(main), 1, 0)
	n.give(t, Extended, more...)

	// Nor is a branch that has shown more work. One that has shown less has no right.
	n.addHeaders(t, rival[:51]...)
	n.reject(t, reject.LowWork, rival[0].Block)
	n.addHeaders(t, rival[51:]...)
	n.give(t, SideBranch, rival[:51]...)
	n.give(t, Reorganized, rival[51])
	kept += 31 // of the former chain
	more = grown(b, last(rival), 1, 0)
	n.give(t, Extended, more...)

	n = reopen(t, n, b)
	n.reject(t, reject.LowWork, sibling())
	if len(n.cheap.blocks) != kept {
		t.Errorf("%d cheap blocks after a restart, want %d", len(n.cheap.blocks), kept)
	}
	n.check(t)

	// When the chain has left them behind, there is room for others.
	n.give(t, Extended, grown(b, last(more), MaxReorg, 0)...)
	n.dropCheap()
	if len(n.cheap.blocks) != 0 || n.cheap.bytes != 0 {
		t.Errorf("%d cheap blocks with %d bytes count, far behind the tip", len(n.cheap.blocks), n.cheap.bytes)
	}
}

func TestCheapBytes(t *testing.T) {
	var b cheapBlocks
	for range 16 {
		if b.full() {
			t.Fatal("full too early")
		}
		b.add(new(headertree.Node), 4<<20)
	}
	if !b.full() {
		t.Error("not full")
	}
}
