package chain

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"stele/engine/pow"
	"stele/node/ledger/block"
	"stele/node/ledger/headertree"
	"stele/node/ledger/reject"
)

const (
	maxLocator   = 64 // hashes that Locator returns at most
	denseLocator = 10 // of them, those that follow each other without a gap
)

// AddHeaders adds headers to the tree, in memory only: their blocks can be submitted
// then, however little work the branch has at that block. Each must be the child of the
// one before, and the first one that of a known header. Headers that are known already
// are skipped. It returns the number of headers that were added, also with an error. It
// does not wait for a block that is being connected. Safe for concurrent use.
//
// Proven is the work that their branch has shown, if need be with headers that follow
// later. Reasons:
//
//   - reject.LowWork: proven is less than [Chain.Enough], or too many headers without
//     bodies are kept, all with at least as much.
//   - reject.BelowPruned: the branch leaves the chain below the oldest body of a node
//     that prunes. If it has more work than the chain, [Chain.Trouble] reports it.
//   - reject.InvalidBlock: one of them was found invalid before.
//   - Those of block.CheckHeader, headertree.Tree.Check and headertree.TooNew.
func (c *Chain) AddHeaders(headers []pow.Header, proven pow.Work) (added int, err error) {
	if enough := c.Enough(); proven.Cmp(enough) < 0 {
		return 0, reject.New(reject.LowWork, "the branch has shown the work %v, expected at least %v", proven, enough)
	}
	now := c.clock()
	hashes, broken := c.precheck(headers, now)
	c.treeMu.Lock()
	defer c.treeMu.Unlock()
	c.sweep(now)
	known, err := c.skipKnown(hashes, proven)
	if err != nil || known == len(hashes) {
		return 0, cmp.Or(err, broken)
	}
	headers, hashes = headers[known:len(hashes)], hashes[known:]
	if err := c.admit(headers, proven); err != nil {
		return 0, err
	}
	c.least = pow.Work{}
	for i, h := range headers {
		n, err := c.tree.Add(h, hashes[i])
		if err != nil {
			return added, err
		}
		c.bodiless[n] = claim{proven: proven, at: now}
		added++
	}
	return added, broken
}

// precheck applies the rules about headers that need no tree. It returns the hashes of
// those before the first one that breaks a rule, and the error of that.
func (c *Chain) precheck(headers []pow.Header, now time.Time) ([]pow.Hash, error) {
	hashes := make([]pow.Hash, 0, len(headers))
	for i, h := range headers {
		if i > 0 && h.Prev != hashes[i-1] {
			return hashes, reject.New(reject.UnknownParent, "header %d has the parent %v, expected the header before it, %v", i, h.Prev, hashes[i-1])
		}
		err := block.CheckHeader(h, c.params)
		if err == nil {
			err = headertree.TooNew(h, now, c.params.MaxFuture)
		}
		if err != nil {
			return hashes, err
		}
		hashes = append(hashes, h.Hash())
	}
	return hashes, nil
}

// skipKnown returns how many of some linked headers, which are the first ones, are in
// the tree. The caller must hold c.treeMu.
func (c *Chain) skipKnown(hashes []pow.Hash, proven pow.Work) (known int, err error) {
	for _, hash := range hashes {
		n := c.tree.Get(hash)
		if n == nil {
			break
		}
		if n.Invalid() {
			return known, invalidBlock(hash)
		}
		if had, ok := c.bodiless[n]; ok && had.proven.Cmp(proven) < 0 {
			c.bodiless[n] = claim{proven: proven, at: had.at}
		}
		known++
	}
	return known, nil
}

// admit checks that new headers, which are linked, have a place in the tree, and makes
// room for them. The caller must hold c.treeMu.
func (c *Chain) admit(headers []pow.Header, proven pow.Work) error {
	parent, err := c.tree.Check(headers[0])
	if err != nil {
		return err
	}
	if err := c.checkPruned(parent, c.published.Load().node, proven); err != nil {
		return err
	}
	return c.makeRoom(parent, len(headers), proven)
}

// CheckHeader applies all rules about a header that need no body, those of
// [Chain.Submit], and stores nothing. A known header is only checked for whether it was
// found invalid. It does not wait for a block that is being connected. Reasons: those of
// AddHeaders. Safe for concurrent use.
func (c *Chain) CheckHeader(h pow.Header) error {
	hash := h.Hash()
	c.treeMu.RLock()
	n := c.tree.Get(hash)
	isInvalid := n != nil && n.Invalid()
	c.treeMu.RUnlock()
	switch {
	case isInvalid:
		return invalidBlock(hash)
	case n != nil:
		return nil
	}
	tip := c.published.Load().node
	parent, err := c.checkNew(h, tip)
	if err != nil {
		return err
	}
	return c.checkPruned(parent, tip, parent.Work.Add(blockWork(h.Bits)))
}

// checkNew applies the rules about a header that is not known, and returns its parent.
func (c *Chain) checkNew(h pow.Header, tip *headertree.Node) (*headertree.Node, error) {
	if err := block.CheckHeader(h, c.params); err != nil {
		return nil, err
	}
	c.treeMu.RLock()
	parent, err := c.tree.Check(h)
	c.treeMu.RUnlock()
	if err != nil {
		return nil, err
	}
	if err := headertree.TooNew(h, c.clock(), c.params.MaxFuture); err != nil {
		return nil, err
	}
	if work := parent.Work.Add(blockWork(h.Bits)); isLowWork(work, tip) {
		return nil, reject.New(reject.LowWork, "its chain has the work %v, more than %d blocks behind that of the tip, %v", work, MaxReorg, tip.Work)
	}
	return parent, nil
}

func invalidBlock(hash pow.Hash) error {
	return reject.New(reject.InvalidBlock, "block %v was found invalid before", hash)
}

// Enough returns the work with which a branch is worth its memory: that of the tip less
// [MaxReorg] blocks of its work, and at least Params.MinWork. Safe for concurrent use.
func (c *Chain) Enough() pow.Work {
	enough := enoughWork(c.published.Load().node)
	if enough.Cmp(c.params.MinWork) < 0 {
		return c.params.MinWork
	}
	return enough
}

// enoughWork returns the work of a tip less MaxReorg blocks of its work.
func enoughWork(tip *headertree.Node) pow.Work {
	return subtract(tip.Work, multiply(blockWork(tip.Header.Bits), MaxReorg))
}

// isLowWork reports whether a branch with this total work is too far behind a tip to be
// stored.
func isLowWork(work pow.Work, tip *headertree.Node) bool { return work.Cmp(enoughWork(tip)) < 0 }

func blockWork(b pow.Bits) pow.Work {
	target, err := b.Target()
	if err != nil {
		return pow.Work{}
	}
	return target.Work()
}

// multiply returns w times n, or the maximum of Work if that is less.
func multiply(w pow.Work, n int) pow.Work {
	var product pow.Work
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			product = product.Add(w)
		}
		w = w.Add(w)
	}
	return product
}

// subtract returns w less v, or no work if v is more.
func subtract(w, v pow.Work) pow.Work {
	var borrow uint64
	for i := range w {
		w[i], borrow = bits.Sub64(w[i], v[i], borrow)
	}
	if borrow != 0 {
		return pow.Work{}
	}
	return w
}

// Locator returns hashes of the branch of [Chain.BestHeader], from its end to the genesis
// block: ten that follow each other, and then with gaps that double, at most 64. Safe
// for concurrent use.
func (c *Chain) Locator() []pow.Hash {
	c.treeMu.RLock()
	n := c.tree.BestHeader()
	c.treeMu.RUnlock()
	var hashes []pow.Hash
	for gap := uint32(1); n.Height > 0 && len(hashes) < maxLocator-1; n = n.Ancestor(n.Height - min(gap, n.Height)) {
		hashes = append(hashes, n.Hash)
		if len(hashes) >= denseLocator {
			gap *= 2
		}
	}
	return append(hashes, n.Ancestor(0).Hash)
}

// HeadersAfter returns the headers of the chain that follow the first hash of a locator
// which the chain has, or the genesis block if it has none of them: at most limit, up to
// the one with the hash stop if that is among them. Safe for concurrent use.
func (c *Chain) HeadersAfter(locator []pow.Hash, stop pow.Hash, limit int) []pow.Header {
	tip := c.published.Load().node
	fork := tip.Ancestor(0)
	end := tip
	c.treeMu.RLock()
	for _, hash := range locator {
		if n := c.tree.Get(hash); n != nil && tip.Ancestor(n.Height) == n {
			fork = n
			break
		}
	}
	if n := c.tree.Get(stop); n != nil && n.Height > fork.Height && tip.Ancestor(n.Height) == n {
		end = n
	}
	c.treeMu.RUnlock()
	var headers []pow.Header
	for _, n := range path(fork.Height+1, end, limit) {
		headers = append(headers, n.Header)
	}
	return headers
}

// path returns the blocks of the chain that ends with end, from a height on, at most
// limit.
func path(from uint32, end *headertree.Node, limit int) []*headertree.Node {
	if limit <= 0 || from > end.Height {
		return nil
	}
	if uint64(end.Height-from) >= uint64(limit) {
		end = end.Ancestor(from + uint32(limit) - 1)
	}
	var nodes []*headertree.Node
	for n := end; n != nil && n.Height >= from; n = n.Parent {
		nodes = append(nodes, n)
	}
	slices.Reverse(nodes)
	return nodes
}

// BestHeader returns the end of the branch with the most work that is not invalid, whether
// its bodies are stored or not: the tip, unless another header has more work. Safe for
// concurrent use.
func (c *Chain) BestHeader() Header {
	tip := c.published.Load().node
	c.treeMu.RLock()
	defer c.treeMu.RUnlock()
	return newHeader(c.tree.BestHeader(), tip)
}

// Missing returns the hashes of the blocks of the branch of [Chain.BestHeader] whose bodies
// are not stored, in order, at most limit, and the height of the first one. Safe for
// concurrent use.
func (c *Chain) Missing(limit int) (first uint32, hashes []pow.Hash) {
	c.treeMu.RLock()
	defer c.treeMu.RUnlock()
	best := c.tree.BestHeader()
	missing := best.FirstMissing()
	if missing == nil {
		return 0, nil
	}
	for _, n := range path(missing.Height, best, limit) {
		hashes = append(hashes, n.Hash)
	}
	return missing.Height, hashes
}

// HeaderPoint is a header with what the rules need to judge its children. It has the
// fields of headersync.Point.
type HeaderPoint struct {
	Hash       pow.Hash
	Height     uint32
	Work       pow.Work // of the chain up to this header
	Bits       pow.Bits
	PeriodTime uint32 // time of the first header of its period between retargets; seconds since 1970
	// Times are those of the last headers up to this one, the oldest first: 11, or
	// as many as there are.
	Times []uint32
}

// HeaderPoint returns the header with a hash, and false if it is not known. It may be
// invalid. Safe for concurrent use.
func (c *Chain) HeaderPoint(hash pow.Hash) (HeaderPoint, bool) {
	c.treeMu.RLock()
	n := c.tree.Get(hash)
	c.treeMu.RUnlock()
	if n == nil {
		return HeaderPoint{}, false
	}
	return HeaderPoint{
		Hash: n.Hash, Height: n.Height, Work: n.Work, Bits: n.Header.Bits, PeriodTime: n.PeriodTime(), Times: n.Times(),
	}, true
}

// HasBody reports whether the body of a block is stored. Safe for concurrent use.
func (c *Chain) HasBody(hash pow.Hash) bool {
	c.treeMu.RLock()
	defer c.treeMu.RUnlock()
	n := c.tree.Get(hash)
	return n != nil && n.HasBody() && (n.Parent == nil || n.Height >= c.pruned.Load())
}

// Oldest returns the height of the oldest block of the chain whose body is stored, not
// counting the genesis block. 0: all are. Safe for concurrent use.
func (c *Chain) Oldest() uint32 { return c.pruned.Load() }

// Raw returns an encoded block, from whatever branch, as it is stored. Errors: those of
// [Chain.Block]. Safe for concurrent use.
func (c *Chain) Raw(hash pow.Hash) ([]byte, error) {
	raw, err := c.store.Body(hash)
	if err != nil {
		return nil, fmt.Errorf("block %v: %w", hash, err)
	}
	return raw, nil
}
