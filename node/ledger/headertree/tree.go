package headertree

import (
	"bytes"
	"errors"
	"time"

	"stele/engine/headerchain"
	"stele/engine/pow"
	"stele/node/ledger/reject"
)

// Tree holds headers. It has no lock: Add, Remove, SetBody and MarkInvalid must not run
// at the same time as any other method of the tree. Those of a node may, except
// [Node.HasBody], [Node.FirstMissing], [Node.Usable] and [Node.Invalid]: all else about
// a node never changes.
type Tree struct {
	params  *pow.Params
	nodes   map[pow.Hash]*Node
	best    *Node
	highest *Node  // that is not invalid, with the most work
	links   uint64 // nodes that were linked so far

	// The work of one block with these nBits: most headers have those of the
	// header before.
	bits pow.Bits
	work pow.Work
}

// New returns a tree with the genesis block, whose body counts as known.
func New(params *pow.Params, genesis pow.Header) *Tree {
	t := &Tree{params: params, nodes: map[pow.Hash]*Node{}}
	n := &Node{Header: genesis, Hash: genesis.Hash(), params: params, Work: t.workOf(genesis.Bits)}
	n.period, n.jump = n, n
	n.median = n.medianTime()
	t.nodes[n.Hash] = n
	t.best, t.highest = n, n
	t.SetBody(n)
	return t
}

// Len returns the number of headers.
func (t *Tree) Len() int { return len(t.nodes) }

// Get returns the header with the hash, or nil.
func (t *Tree) Get(hash pow.Hash) *Node { return t.nodes[hash] }

// Check applies the rules that need the headers before, and returns the parent.
// It does not check that the hash meets the target, or that the header is new, and
// does not use the clock.
//
// Reasons: [reject.UnknownParent], [reject.InvalidParent], [reject.BadBits],
// [reject.TimeTooOld], [reject.TimeWarp].
func (t *Tree) Check(h pow.Header) (parent *Node, err error) {
	parent = t.nodes[h.Prev]
	switch {
	case parent == nil:
		return nil, reject.New(reject.UnknownParent, "the parent %v is not known", h.Prev)
	case parent.invalid:
		return nil, reject.New(reject.InvalidParent, "the parent %v or a block before it is invalid", h.Prev)
	}
	past := parent.past()
	err = past.CheckBits(t.params, h.Bits, h.Time)
	if err == nil {
		err = past.CheckTime(h.Time)
	}
	if err == nil {
		err = past.CheckTimeWarp(t.params, h.Time)
	}
	if err != nil {
		return nil, rejection(err)
	}
	return parent, nil
}

// rejection turns a violation of a header rule into a reason.
func rejection(err error) error {
	var v *headerchain.Violation
	if !errors.As(err, &v) {
		return err
	}
	reason := reject.BadBits
	switch v.Rule {
	case headerchain.TimeTooOld:
		reason = reject.TimeTooOld
	case headerchain.TimeWarp:
		reason = reject.TimeWarp
	}
	return reject.New(reason, "%s", v.Text)
}

// Add checks the header as [Tree.Check] does and puts it into the tree, without
// a body. If the tree has it already, that node is returned, and no error.
func (t *Tree) Add(h pow.Header, hash pow.Hash) (*Node, error) {
	if n := t.nodes[hash]; n != nil {
		return n, nil
	}
	parent, err := t.Check(h)
	if err != nil {
		return nil, err
	}
	n := &Node{
		Header: h,
		Hash:   hash,
		Height: parent.Height + 1,
		Work:   parent.Work.Add(t.workOf(h.Bits)),
		Parent: parent,
		params: t.params,
		period: parent.period,
		jump:   jumpFrom(parent),
		older:  parent.child,
	}
	if n.Height%t.params.RetargetInterval == 0 {
		n.period = n
	}
	n.median = n.medianTime()
	if n.older != nil {
		n.older.younger = n
	}
	parent.child = n
	t.nodes[hash] = n
	if n.Work.Cmp(t.highest.Work) > 0 {
		t.highest = n
	}
	return n, nil
}

// Remove removes headers that have neither a body nor children, in the order given, so
// that a branch can go from its end down. Others are kept. It takes a pass over all
// headers if the one with the most work is among them. It returns the number of headers
// that were removed.
func (t *Tree) Remove(nodes ...*Node) int {
	before := len(t.nodes)
	isHighest := false
	for _, n := range nodes {
		if n.hasBody || n.child != nil || t.nodes[n.Hash] != n {
			continue
		}
		delete(t.nodes, n.Hash)
		switch {
		case n.younger != nil:
			n.younger.older = n.older
		default:
			n.Parent.child = n.older
		}
		if n.older != nil {
			n.older.younger = n.younger
		}
		isHighest = isHighest || n == t.highest
	}
	if isHighest {
		t.findHighest()
	}
	return before - len(t.nodes)
}

// findHighest finds the header with the most work that is not invalid. Of several it
// takes the one with the lowest hash, so that the choice does not depend on the order
// of a map.
func (t *Tree) findHighest() {
	t.highest = t.best
	for _, n := range t.nodes {
		if n.invalid {
			continue
		}
		order := n.Work.Cmp(t.highest.Work)
		if order > 0 || order == 0 && bytes.Compare(n.Hash[:], t.highest.Hash[:]) < 0 {
			t.highest = n
		}
	}
}

// workOf returns the work of one block.
func (t *Tree) workOf(bits pow.Bits) pow.Work {
	if bits != t.bits {
		target, _ := bits.Target() // bad bits have no work; the rules reject them
		t.bits, t.work = bits, target.Work()
	}
	return t.work
}

// SetBody records that the body of n is known. Once the bodies of all blocks before
// it are known too, n can be the best.
func (t *Tree) SetBody(n *Node) {
	n.hasBody = true
	if n.linked > 0 || n.Parent != nil && n.Parent.linked == 0 {
		return
	}
	// Bodies can arrive in any order: descendants may have waited for this one.
	for waiting := []*Node{n}; len(waiting) > 0; {
		n := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		t.links++
		n.linked = t.links
		if better(n, t.best) {
			t.best = n
		}
		for c := n.child; c != nil; c = c.older {
			if c.hasBody {
				waiting = append(waiting, c)
			}
		}
	}
}

// Best returns the usable node (see [Node.Usable]) with the most work: the tip
// of the chain. Of several it is the one that was the first to be usable.
func (t *Tree) Best() *Node { return t.best }

// BestHeader returns the end of the branch with the most work that is not invalid,
// whether its bodies are known or not. It is [Tree.Best] if no other has more work.
func (t *Tree) BestHeader() *Node {
	if t.highest.Work.Cmp(t.best.Work) > 0 {
		return t.highest
	}
	return t.best
}

// better reports whether n should be the best rather than best.
func better(n, best *Node) bool {
	if !n.Usable() {
		return false
	}
	order := n.Work.Cmp(best.Work)
	return order > 0 || order == 0 && n.linked < best.linked
}

// MarkInvalid records that n, and so everything after it, is invalid. The
// genesis block cannot be. If the best node or the best header is among them, another is
// chosen, which takes a pass over all headers.
func (t *Tree) MarkInvalid(n *Node) {
	if n.Parent == nil || n.invalid {
		return
	}
	for marked := []*Node{n}; len(marked) > 0; {
		n := marked[len(marked)-1]
		marked = marked[:len(marked)-1]
		n.invalid = true
		for c := n.child; c != nil; c = c.older {
			if !c.invalid {
				marked = append(marked, c)
			}
		}
	}
	if t.best.invalid {
		t.best = n.Ancestor(0)
		for _, n := range t.nodes {
			if better(n, t.best) {
				t.best = n
			}
		}
	}
	if t.highest.invalid {
		t.findHighest()
	}
}

// TooNew checks that the time of the header is at most maxFuture seconds ahead
// of now ([reject.TimeTooNew]). The same header is fine later, so this verdict
// must not be remembered.
func TooNew(h pow.Header, now time.Time, maxFuture uint32) error {
	if limit := now.Unix() + int64(maxFuture); int64(h.Time) > limit {
		return reject.New(reject.TimeTooNew, "time %d is %d s ahead of the clock here, must be at most %d: is one of the two clocks wrong?", h.Time, int64(h.Time)-now.Unix(), maxFuture)
	}
	return nil
}
