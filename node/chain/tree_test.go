package chain

import (
	"math/rand/v2"
	"testing"

	"stele/node/chain/chaintest"
)

// A random tree of 500 blocks, submitted to new nodes in different orders until there
// were 1,000 reorganisations: the state is always that of a replay from the genesis
// block.
func TestRandomTree(t *testing.T) {
	const size = 500
	switches := rounds(1000, 10_000)
	rng := rand.New(rand.NewPCG(1, 1))
	b := chaintest.New(chaintest.Network(), 9)
	tree := randomTree(b, rng, size)

	for done := 0; done < switches; {
		n := newNode(t, b)
		order := randomOrder(tree, rng)
		for _, blk := range order {
			outcome, err := n.Submit(blk.Block)
			if err != nil {
				t.Fatalf("height %d: %v", blk.Height(), err)
			}
			switch outcome {
			case Reorganized:
				done++
				n.mustBe(t, blk)
			case Extended:
				if n.Tip().Hash != blk.Hash() {
					t.Fatalf("the tip is not the block that extended the chain")
				}
			}
		}
		best := order[0]
		for _, blk := range order {
			if blk.Work().Cmp(best.Work()) > 0 {
				best = blk
			}
		}
		if n.Tip().Work != best.Work() {
			t.Fatalf("the tip has the work %v, the best block %v", n.Tip().Work, best.Work())
		}
		n.check(t)
	}
}

// randomTree returns blocks that grow on random ones of the last, parents
// before children.
func randomTree(b *chaintest.Builder, rng *rand.Rand, size int) []*chaintest.Block {
	tree := []*chaintest.Block{b.Genesis}
	for len(tree) <= size {
		parent := tree[max(0, len(tree)-1-rng.IntN(8))]
		tree = append(tree, b.Extend(parent, b.Records(parent, rng.IntN(4))...))
	}
	return tree[1:]
}

// randomOrder returns the blocks in another order, parents before children.
// It goes through the branches by turns, so that the best one changes often.
func randomOrder(tree []*chaintest.Block, rng *rand.Rand) []*chaintest.Block {
	children := map[*chaintest.Block][]*chaintest.Block{}
	for _, blk := range tree {
		children[blk.Parent] = append(children[blk.Parent], blk)
	}
	var order []*chaintest.Block
	ready := children[tree[0].Parent]
	for len(ready) > 0 {
		// Mostly the lowest of a few random ones.
		i := rng.IntN(len(ready))
		for range 3 {
			if j := rng.IntN(len(ready)); ready[j].Height() < ready[i].Height() {
				i = j
			}
		}
		blk := ready[i]
		ready[i] = ready[len(ready)-1]
		ready = append(ready[:len(ready)-1], children[blk]...)
		order = append(order, blk)
	}
	return order
}
