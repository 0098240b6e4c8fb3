package chain

import (
	"errors"
	"testing"

	"stele/node/chain/chaintest"
	"stele/node/ledger/reject"
	"stele/node/store"
)

// Blocks of a chain that gets harder and of a longer branch of easier blocks:
// the branch has so many more blocks than a node keeps that the common block is
// too deep below its end.
func longBranch(b *chaintest.Builder) (stem, main, branch []*chaintest.Block) {
	stem = grown(b, b.Genesis, 15, 0)
	p := last(stem)
	for i := range MinKeep {
		d := b.Draft(p)
		d.Header.Time = p.Header.Time + 64
		if i < 50 {
			d.Header.Time = max(p.Header.Time+45, p.Node().MinTime())
		}
		p = b.Add(p, d.Seal())
		main = append(main, p)
	}
	for q := last(stem); q.Work().Cmp(p.Work()) <= 0; {
		q = b.Extend(q)
		branch = append(branch, q)
	}
	return stem, main, branch
}

// A pruning node follows a branch that is longer than what it keeps, finds that its last
// block is invalid, and returns. Bodies that are too deep are removed only when a branch
// has turned out to be valid.
func TestPrunedNodeComesBack(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 3)
	stem, main, branch := longBranch(b)
	before, end := branch[:len(branch)-1], last(branch)
	fork, tip := last(stem), last(main)
	if end.Height() <= fork.Height()+MinKeep {
		t.Fatalf("the branch ends at height %d, too low for this test", end.Height())
	}
	n := newNode(t, b, keep(MinKeep))
	n.give(t, Extended, stem...)
	n.give(t, Extended, main...)
	n.give(t, SideBranch, before...)

	bad := b.Draft(last(before))
	bad.Reward.Value++
	n.reject(t, reject.CoinbaseValue, bad.Seal())
	n.mustBe(t, tip)
	if err := n.Err(); err != nil {
		t.Fatal(err)
	}
	for _, blk := range append(main, before...) {
		if _, err := n.Block(blk.Hash()); err != nil {
			t.Fatalf("height %d: %v", blk.Height(), err)
		}
	}
	n.check(t)
	n = reopen(t, n, b, keep(MinKeep))
	n.mustBe(t, tip)

	n.give(t, Reorganized, end)
	n.mustBe(t, end)
	for _, blk := range append(main, branch...) {
		_, err := n.Block(blk.Hash())
		pruned := blk.Height() <= end.Height()-MinKeep
		if errors.Is(err, store.ErrPruned) != pruned {
			t.Fatalf("height %d: %v, pruned should be %v", blk.Height(), err, pruned)
		}
	}
	n.reject(t, reject.BelowPruned, b.Extend(tip).Block)
	n.give(t, Extended, b.Extend(end))
	n.check(t)
}

// Bodies that a follower still needs are kept, but not without end.
func TestPruneNeeded(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 5)
	blocks := grown(b, b.Genesis, MinKeep+maxNeeded+30, 0)
	needed := uint32(1)
	n := newNode(t, b, keep(MinKeep), func(o *Options) { o.Needed = func() uint32 { return needed } })
	oldest := func(want uint32) {
		t.Helper()
		if got := n.Oldest(); got > 0 && got != want || got == 0 && want > 1 {
			t.Fatalf("the oldest body is at height %d, want %d", got, want)
		}
		if !n.HasBody(blocks[want-1].Hash()) || want > 1 && n.HasBody(blocks[want-2].Hash()) {
			t.Fatalf("the body at height %d is not the oldest one", want)
		}
	}
	n.give(t, Extended, blocks[:MinKeep+maxNeeded]...)
	oldest(1)
	n.give(t, Extended, blocks[MinKeep+maxNeeded:MinKeep+maxNeeded+10]...)
	oldest(11)
	needed = 50
	n.give(t, Extended, blocks[MinKeep+maxNeeded+10])
	oldest(50)
	needed = 2000 // more than there is
	n.give(t, Extended, blocks[MinKeep+maxNeeded+11])
	oldest(maxNeeded + 13)
}

// After a reorganisation the bodies of both branches are kept until who follows has had
// the time to learn of it.
func TestPruneNeededAfterReorg(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 3)
	stem, main, branch := longBranch(b)
	needed := last(main).Height() + 1
	n := newNode(t, b, keep(MinKeep), func(o *Options) { o.Needed = func() uint32 { return needed } })
	n.give(t, Extended, append(stem, main...)...)
	n.give(t, SideBranch, branch[:len(branch)-1]...)
	n.give(t, Reorganized, last(branch))
	if !n.HasBody(main[0].Hash()) || !n.HasBody(branch[0].Hash()) || n.HasBody(last(stem).Hash()) {
		t.Errorf("bodies are kept from height %d on, want %d", n.Oldest(), main[0].Height())
	}
	needed = last(branch).Height()
	n.give(t, Extended, b.Extend(last(branch)))
	if n.HasBody(main[0].Hash()) || n.Oldest() != n.Tip().Height-MinKeep+1 {
		t.Errorf("bodies are kept from height %d on", n.Oldest())
	}
}
