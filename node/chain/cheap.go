package chain

import (
	"stele/engine/pow"
	"stele/node/ledger/headertree"
	"stele/node/ledger/reject"
)

// Where difficulty can fall within MaxReorg blocks, as on the networks dev and test,
// a branch can make it fall on purpose: its first blocks cost work, and then any
// number of blocks costs nothing. So the number of cheap blocks is bounded.
const (
	// cheapFactor: a block is cheap if the tip has more than cheapFactor times its
	// work. Difficulty falls by a factor of at most 4 in a retarget, so on main no
	// block is cheap.
	cheapFactor = 8
	// maxCheapBlocks and maxCheapBytes bound the cheap blocks off the chain that
	// have enough work to be kept. A branch with a sixteenth of the tip's difficulty
	// can still take over from MaxReorg blocks behind.
	maxCheapBlocks = 4096
	maxCheapBytes  = 64 << 20
)

// cheapBlocks are the cheap blocks off the chain.
type cheapBlocks struct {
	blocks []cheapBlock
	bytes  int64            // of their stored bodies
	seen   *headertree.Node // the tip at the last dropCheap
}

type cheapBlock struct {
	node *headertree.Node
	size int64
}

func (b *cheapBlocks) full() bool {
	return len(b.blocks) >= maxCheapBlocks || b.bytes >= maxCheapBytes
}

func (b *cheapBlocks) add(n *headertree.Node, size int64) {
	b.blocks = append(b.blocks, cheapBlock{n, size})
	b.bytes += size
}

// isCheap reports whether a block with these bits is cheap, compared with the tip.
func (c *Chain) isCheap(bits pow.Bits) bool {
	return multiply(blockWork(bits), cheapFactor).Cmp(blockWork(c.storeTip.Header.Bits)) < 0
}

// checkCheap rejects a cheap block if there are too many of them.
func (c *Chain) checkCheap(bits pow.Bits) error {
	if !c.isCheap(bits) || !c.cheap.full() {
		return nil
	}
	c.dropCheap()
	if !c.cheap.full() {
		return nil
	}
	return reject.New(reject.LowWork, "it has less than 1/%d of the tip's work, and %d such blocks off the chain, with %d bytes, are kept already", cheapFactor, len(c.cheap.blocks), c.cheap.bytes)
}

// noteCheap counts a block that was stored or marked as invalid, if it is cheap.
func (c *Chain) noteCheap(n *headertree.Node, size int64) {
	if c.isCheap(n.Header.Bits) {
		c.cheap.add(n, size)
	}
}

// countsAsCheap reports whether a stored block counts: it is cheap, off the chain,
// and not so far behind that no block on it would be stored.
func (c *Chain) countsAsCheap(n *headertree.Node) bool {
	return c.isCheap(n.Header.Bits) && !isLowWork(n.Work, c.storeTip) && c.storeTip.Ancestor(n.Height) != n
}

// dropCheap drops the blocks that do not count any more.
func (c *Chain) dropCheap() {
	if c.cheap.seen == c.storeTip {
		return
	}
	kept := cheapBlocks{seen: c.storeTip}
	for _, b := range c.cheap.blocks {
		if c.countsAsCheap(b.node) {
			kept.add(b.node, b.size)
		}
	}
	c.cheap = kept
}

// countCheap counts the cheap blocks of a store: those with bodies, and invalid
// ones, which need not have one.
func (c *Chain) countCheap(bodies, invalid []*headertree.Node) error {
	sizes := map[*headertree.Node]int64{}
	for _, n := range invalid {
		if c.countsAsCheap(n) {
			sizes[n] = 0
		}
	}
	for _, n := range bodies {
		if c.countsAsCheap(n) {
			raw, err := c.store.Body(n.Hash)
			if err != nil {
				return err
			}
			sizes[n] = int64(len(raw))
		}
	}
	for n, size := range sizes {
		c.cheap.add(n, size)
	}
	return nil
}
