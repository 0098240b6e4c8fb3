package chain

import (
	"bytes"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/reject"
)

// modelBlock is a block of the tree that a model knows from the start.
type modelBlock struct {
	*block.Block
	parent *modelBlock // nil: genesis
	height uint32
	work   pow.Work
	isBad  bool // it breaks a rule of the ledger

	isKnown   bool
	isStored  bool // header-only ones are not
	hasBody   bool
	isInvalid bool // it was found, or a block before it was
	order     int  // when it became usable
}

func (b *modelBlock) path() []*modelBlock {
	var all []*modelBlock
	for ; b != nil; b = b.parent {
		all = append(all, b)
	}
	slices.Reverse(all)
	return all
}

// isUsable reports whether the block can be the tip.
func (b *modelBlock) isUsable() bool { return b.hasBody && !b.isInvalid }

// model is a naive chain: it looks at all blocks for each answer.
type model struct {
	all []*modelBlock // parents before children, genesis first
	tip *modelBlock
	now int
}

// newModel returns a model with a random tree of blocks, some of them bad.
func newModel(t *rapid.T, b *chaintest.Builder) *model {
	valid := map[*modelBlock]*chaintest.Block{}
	genesis := &modelBlock{Block: b.Genesis.Block, work: b.Genesis.Work(), isKnown: true, isStored: true, hasBody: true}
	valid[genesis] = b.Genesis
	m := &model{all: []*modelBlock{genesis}, tip: genesis}
	for range rapid.IntRange(1, 30).Draw(t, "blocks") {
		parent := m.all[max(0, len(m.all)-1-rapid.IntRange(0, 6).Draw(t, "back"))]
		added := &modelBlock{parent: parent, height: parent.height + 1}
		on := valid[parent]
		if on == nil { // the builder does not know bad blocks: only its own parent is wrong
			on = m.validBefore(valid, parent)
		}
		draft := b.Draft(on)
		if on.Hash() != parent.Hash() {
			draft.Header.Prev, draft.Header.Time = parent.Hash(), parent.Header.Time+64
		}
		added.isBad = on.Hash() != parent.Hash() || rapid.IntRange(0, 7).Draw(t, "bad") == 0
		if added.isBad {
			draft.Reward.Value++
		}
		added.Block = draft.Seal()
		if !added.isBad {
			valid[added] = b.Add(on, added.Block)
		}
		added.work = parent.work.Add(blockWork(added.Header.Bits))
		m.all = append(m.all, added)
	}
	return m
}

func (m *model) validBefore(valid map[*modelBlock]*chaintest.Block, b *modelBlock) *chaintest.Block {
	for valid[b] == nil {
		b = b.parent
	}
	return valid[b]
}

// submit returns what becomes of a block.
func (m *model) submit(b *modelBlock) (Outcome, reject.Reason) {
	switch {
	case b.isInvalid && b.isKnown:
		return 0, reject.InvalidBlock
	case b.hasBody:
		return Known, ""
	case !b.parent.isKnown:
		return 0, reject.UnknownParent
	case b.parent.isInvalid:
		return 0, reject.InvalidParent
	case !b.parent.hasBody:
		return 0, reject.UnknownParent
	}
	b.isKnown, b.isStored = true, true
	if b.parent == m.tip && b.isBad {
		m.mark(b)
		return 0, reject.CoinbaseValue
	}
	b.hasBody = true
	m.now++
	b.order = m.now
	if b.parent == m.tip {
		m.tip = b
		return Extended, ""
	}
	was := m.tip
	m.reorganise()
	switch {
	case m.tip == was && !b.isInvalid:
		return SideBranch, ""
	case !b.isInvalid:
		return Reorganized, ""
	case b.isBad && !b.parent.isInvalid:
		return 0, reject.CoinbaseValue
	}
	return 0, reject.InvalidParent
}

// reorganise moves the tip to the best usable block, and finds the bad ones on the way.
func (m *model) reorganise() {
	for {
		best := m.all[0]
		for _, b := range m.all {
			order := b.work.Cmp(best.work)
			if b.isUsable() && (order > 0 || order == 0 && b.order < best.order) {
				best = b
			}
		}
		path := best.path()
		bad := slices.IndexFunc(path, func(b *modelBlock) bool { return b.isBad })
		if bad < 0 {
			m.tip = best
			return
		}
		m.mark(path[bad])
	}
}

func (m *model) mark(b *modelBlock) {
	b.isInvalid = true
	for _, child := range m.all {
		if child.parent == b && child.isKnown {
			m.mark(child)
		}
	}
}

// addHeaders returns how many of the last count headers up to b are added.
func (m *model) addHeaders(branch []*modelBlock) (added int, reason reject.Reason) {
	for _, b := range branch {
		switch {
		case b.isKnown && b.isInvalid:
			return added, reject.InvalidBlock
		case b.isKnown:
			continue
		case !b.parent.isKnown:
			return added, reject.UnknownParent
		case b.parent.isInvalid:
			return added, reject.InvalidParent
		}
		b.isKnown = true
		added++
	}
	return added, ""
}

func (m *model) forget(b *modelBlock) {
	for ; b.isKnown && !b.isStored; b = b.parent {
		if slices.ContainsFunc(m.all, func(c *modelBlock) bool { return c.parent == b && c.isKnown }) {
			return
		}
		b.isKnown, b.isInvalid = false, false
	}
}

// restart forgets what is not stored. The chain is preferred to branches of the same
// work then, and after it the lower blocks and hashes.
func (m *model) restart() {
	for _, b := range m.all {
		if !b.isStored {
			b.isKnown, b.isInvalid = false, false
		}
	}
	chain := m.tip.path()
	rest := slices.DeleteFunc(slices.Clone(m.all), func(b *modelBlock) bool { return slices.Contains(chain, b) })
	slices.SortFunc(rest, func(a, b *modelBlock) int {
		if a.height != b.height {
			return int(a.height) - int(b.height)
		}
		x, y := a.Hash(), b.Hash()
		return bytes.Compare(x[:], y[:])
	})
	for _, b := range slices.Concat(chain, rest) {
		m.now++
		b.order = m.now
	}
}

// compare compares a chain with the model.
func (m *model) compare(t *rapid.T, n *node) {
	if got := n.Tip(); got.Hash != m.tip.Hash() || got.Work != m.tip.work {
		t.Fatalf("the tip is %v at %d, want %v at %d", got.Hash, got.Height, m.tip.Hash(), m.tip.height)
	}
	most := m.tip.work
	for _, b := range m.all {
		if b.isKnown && !b.isInvalid && b.work.Cmp(most) > 0 {
			most = b.work
		}
		h, ok := n.Header(b.Hash())
		if ok != b.isKnown || ok && (h.Invalid != b.isInvalid || h.InChain != slices.Contains(m.tip.path(), b)) {
			t.Fatalf("block %d, %v: %+v, known %v, want %+v", b.height, b.Hash(), h, ok, b)
		}
		if n.HasBody(b.Hash()) != b.hasBody {
			t.Fatalf("block %d, %v has a body: want %v", b.height, b.Hash(), b.hasBody)
		}
	}
	got := n.BestHeader()
	best := m.all[slices.IndexFunc(m.all, func(b *modelBlock) bool { return b.Hash() == got.Hash })]
	if got.Work != most || !best.isKnown || best.isInvalid || most == m.tip.work && best != m.tip {
		t.Fatalf("the best header is %v at %d with the work %v, want the work %v", got.Hash, got.Height, got.Work, most)
	}
	var want []pow.Hash
	for _, b := range best.path() {
		if !b.hasBody {
			want = append(want, b.Hash())
		}
	}
	first, missing := n.Missing(100)
	if !slices.Equal(missing, want) || len(want) > 0 && first != best.height+1-uint32(len(want)) {
		t.Fatalf("from %d on %d bodies are missing, want %d", first, len(missing), len(want))
	}
	if locator := n.Locator(); locator[0] != best.Hash() || final(locator) != m.all[0].Hash() {
		t.Fatalf("locator %v", locator)
	}
}

// headersAfter compares an answer for a random locator.
func (m *model) headersAfter(t *rapid.T, n *node) {
	chain := m.tip.path()
	fork := 0
	var locator []pow.Hash
	for range rapid.IntRange(0, 3).Draw(t, "locator") {
		b := rapid.SampledFrom(m.all).Draw(t, "hash")
		locator = append(locator, b.Hash())
		if i := slices.Index(chain, b); i > 0 && fork == 0 {
			fork = i
		} else if i == 0 && fork == 0 {
			break // genesis
		}
	}
	count := rapid.IntRange(0, 20).Draw(t, "max")
	var want []pow.Header
	for _, b := range chain[fork+1:] {
		if len(want) < count {
			want = append(want, b.Header)
		}
	}
	if got := n.HeadersAfter(locator, pow.Hash{}, count); !slices.Equal(got, want) {
		t.Fatalf("%d headers, want %d", len(got), len(want))
	}
}

// Whatever headers and blocks come in whatever order, some of them invalid, and whatever
// is forgotten, the chain answers as a naive one does.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := chaintest.New(chaintest.Network(), 51)
		m := newModel(t, b)
		n, err := open(vfs.NewMem(), b)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			chosen := rapid.SampledFrom(m.all[1:]).Draw(t, "block")
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				n.Forget(chosen.Hash())
				m.forget(chosen)
			case 1:
				m.headersAfter(t, n)
			case 2:
				if err := n.store.Close(); err != nil {
					t.Fatal(err)
				}
				if n, err = open(n.fs, b); err != nil {
					t.Fatal(err)
				}
				m.restart()
			case 3, 4, 5:
				branch := chosen.path()[1:]
				branch = branch[rapid.IntRange(0, len(branch)-1).Draw(t, "from"):]
				var headers []pow.Header
				for _, b := range branch {
					headers = append(headers, b.Header)
				}
				added, err := n.AddHeaders(headers, chosen.work)
				got, _ := reject.Of(err)
				if count, want := m.addHeaders(branch); got != want || added != count {
					t.Fatalf("%d headers, %v, want %d, %v", added, err, count, want)
				}
			default:
				outcome, err := n.Submit(chosen.Block)
				got, _ := reject.Of(err)
				if want, reason := m.submit(chosen); outcome != want || got != reason {
					t.Fatalf("%v, %v, want %v, %v", outcome, err, want, reason)
				}
			}
			m.compare(t, n)
		}
		if err := n.store.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
