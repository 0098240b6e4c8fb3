package headertree

import (
	"iter"
	"slices"

	"stele/engine/headerchain"
	"stele/engine/pow"
)

// Node is a header in a [Tree]. Its fields must not be changed.
type Node struct {
	Header pow.Header
	Hash   pow.Hash
	Height uint32
	Work   pow.Work // of the chain from the genesis block to this one
	Parent *Node    // nil for the genesis block

	params *pow.Params
	median uint32 // median time of this header and the ten before it
	period *Node  // first header of the period between retargets
	jump   *Node  // an ancestor further away; see [Node.Ancestor]

	child   *Node  // the youngest
	older   *Node  // the next older child of the parent
	younger *Node  // the next younger child of the parent
	hasBody bool   // of this block
	linked  uint64 // when it was seen that no body is missing back to genesis, from 1 on; 0 if one is
	invalid bool   // this block or an ancestor
}

// Usable reports whether the bodies of this block and all its ancestors are
// known, and none of them is invalid. Such a node can become the tip.
func (n *Node) Usable() bool { return n.linked > 0 && !n.invalid }

// Invalid reports whether this block or one of its ancestors was marked by
// [Tree.MarkInvalid].
func (n *Node) Invalid() bool { return n.invalid }

// HasBody reports whether the body of this block was known once: see [Tree.SetBody].
func (n *Node) HasBody() bool { return n.hasBody }

// Children returns the headers after this one, the youngest first. [Tree.Add] and
// [Tree.Remove] must not run meanwhile.
func (n *Node) Children() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		for c := n.child; c != nil && yield(c); c = c.older {
		}
	}
}

// FirstMissing returns the lowest block of the chain of n whose body is not known, or
// nil if all are. The time it takes grows with the square of the logarithm of the
// height.
func (n *Node) FirstMissing() *Node {
	if n.linked > 0 {
		return nil
	}
	linked, missing := uint32(0), n.Height // the genesis block is always linked
	for missing-linked > 1 {
		middle := linked + (missing-linked)/2
		if n.Ancestor(middle).linked > 0 {
			linked = middle
		} else {
			missing = middle
		}
	}
	return n.Ancestor(missing)
}

// PeriodTime returns the time of the first header of the period between retargets, in
// seconds since 1970.
func (n *Node) PeriodTime() uint32 { return n.period.Header.Time }

// MedianTime returns the median of the times of this header and the ten before
// it (BIP 113), in seconds since 1970. A child must be later.
func (n *Node) MedianTime() uint32 { return n.median }

// NextBits returns the nBits that a child must have.
func (n *Node) NextBits() pow.Bits {
	bits, err := n.past().NextBits(n.params)
	if err != nil {
		panic("headertree: a header of the tree has no valid nBits: " + err.Error())
	}
	return bits
}

// MinTime returns the earliest time that a child may have, in seconds since
// 1970. It is later than the median time, and where BIP 54 asks for more, later
// than that.
func (n *Node) MinTime() uint32 { return n.past().MinTime(n.params) }

// past returns what the rules ask about the headers before a child of n.
func (n *Node) past() headerchain.Past {
	return headerchain.Past{
		Height:     int64(n.Height) + 1,
		Bits:       n.Header.Bits,
		Time:       n.Header.Time,
		PeriodTime: n.period.Header.Time,
		MedianTime: n.median,
	}
}

// Times returns the times that MedianTime is the median of, the oldest first.
func (n *Node) Times() []uint32 {
	times, first := n.times()
	return slices.Clone(times[first:])
}

// times returns the same in an array, and the index of the first.
func (n *Node) times() (times [headerchain.MedianSpan]uint32, first int) {
	first = len(times)
	for ; n != nil && first > 0; n = n.Parent {
		first--
		times[first] = n.Header.Time
	}
	return times, first
}

// medianTime computes the median time of n.
func (n *Node) medianTime() uint32 {
	times, first := n.times()
	return pow.MedianTime(times[first:])
}

// Ancestor returns the ancestor of n at the height, n itself at its own. It
// returns nil if the height is above that of n. The time it takes grows with
// the logarithm of the distance: jumps lead back as in E. W. Myers, "An
// applicative random-access stack" (1983).
func (n *Node) Ancestor(height uint32) *Node {
	if height > n.Height {
		return nil
	}
	for n.Height > height {
		if n.jump.Height >= height {
			n = n.jump
		} else {
			n = n.Parent
		}
	}
	return n
}

// jumpFrom returns where the jump of a child of parent leads. It depends on
// the heights alone, so that nodes of the same height jump to the same height.
func jumpFrom(parent *Node) *Node {
	near := parent.jump
	if parent.Height-near.Height == near.Height-near.jump.Height {
		return near.jump
	}
	return parent
}

// ForkPoint returns the last block that the chains of a and b have in common.
func ForkPoint(a, b *Node) *Node {
	height := min(a.Height, b.Height)
	a, b = a.Ancestor(height), b.Ancestor(height)
	for a != b {
		if a.jump != b.jump {
			a, b = a.jump, b.jump
		} else {
			a, b = a.Parent, b.Parent
		}
	}
	return a
}
