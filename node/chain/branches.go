package chain

import (
	"stele/engine/pow"
	"stele/node/ledger/headertree"
)

// Branch is a line of headers beside the chain. Its first header has its parent in the
// chain, or in another branch.
type Branch struct {
	Headers []Header // at least one
	// Whole means that the node has had the blocks of all its headers: it could have
	// been the chain.
	Whole bool
}

// Work returns the work of the chain up to the end of the branch.
func (b *Branch) Work() pow.Work { return b.Headers[len(b.Headers)-1].Work }

// Branches returns the branches that leave the chain after a block at height from or
// higher, those that leave it last first, as far as they have at most limit headers in all. A
// branch of a branch comes after it. Safe for concurrent use.
func (c *Chain) Branches(from uint32, limit int) (all []Branch) {
	hash := c.Tip().Hash
	c.treeMu.RLock()
	defer c.treeMu.RUnlock()
	tip := c.tree.Get(hash)
	var waiting []*headertree.Node // where branches begin
	var chained *headertree.Node   // the child of n that is in the chain
	for n := tip; n != nil && n.Height >= from; n = n.Parent {
		for child := range n.Children() {
			if child != chained {
				waiting = append(waiting, child)
			}
		}
		for ; len(waiting) > 0 && limit > 0; waiting = waiting[1:] {
			b := Branch{Whole: true}
			for next := waiting[0]; next != nil && limit > 0; limit-- {
				b.Headers = append(b.Headers, newHeader(next, tip))
				b.Whole = b.Whole && next.HasBody()
				first := true
				for child := range next.Children() {
					if first {
						next, first = child, false
					} else {
						waiting = append(waiting, child)
					}
				}
				if first {
					next = nil
				}
			}
			all = append(all, b)
		}
		chained = n
	}
	return all
}
