package chain

import (
	"math/rand/v2"
	"testing"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
)

// The branches of a random tree are all blocks that are not in its chain, each once, in
// lines; those that leave the chain below a height are left out.
func TestBranches(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range rounds(20, 200) {
		b := chaintest.New(chaintest.Network(), 9)
		c := newNode(t, b)
		tree := randomTree(b, rng, 40)
		for _, blk := range tree {
			if _, err := c.Submit(blk.Block); err != nil {
				t.Fatal(err)
			}
		}
		chain := map[pow.Hash]bool{b.Genesis.Hash(): true}
		for n := c.get(c.Tip().Hash); n != nil; n = n.Parent {
			chain[n.Hash] = true
		}
		for from := range c.Tip().Height + 2 {
			want := map[pow.Hash]bool{}
			for _, blk := range tree {
				n := c.get(blk.Hash())
				for n.Parent != nil && !chain[n.Hash] {
					n = n.Parent
				}
				if !chain[blk.Hash()] && n.Height >= from {
					want[blk.Hash()] = true
				}
			}
			checkBranches(t, c.Branches(from, 1000), want, chain)
			if few := c.Branches(from, 3); count(few) != min(3, len(want)) {
				t.Fatalf("%d headers of at most 3", count(few))
			}
		}
	}
}

// checkBranches checks that branches have the wanted blocks, each once and after its
// parent.
func checkBranches(t *testing.T, branches []Branch, want, seen map[pow.Hash]bool) {
	t.Helper()
	known := map[pow.Hash]bool{}
	for _, branch := range branches {
		if !branch.Whole {
			t.Errorf("a branch of submitted blocks is not whole")
		}
		prev := branch.Headers[0].Prev
		if !seen[prev] && !known[prev] {
			t.Errorf("a branch begins nowhere")
		}
		for _, h := range branch.Headers {
			if h.Prev != prev || known[h.Hash] || !want[h.Hash] || h.InChain {
				t.Errorf("%v is no block of a branch, or out of place", h.Hash)
			}
			known[h.Hash], prev = true, h.Hash
		}
	}
	if len(known) != len(want) {
		t.Errorf("%d blocks, want %d", len(known), len(want))
	}
}

func count(branches []Branch) (n int) {
	for _, b := range branches {
		n += len(b.Headers)
	}
	return n
}
