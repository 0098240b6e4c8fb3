package chain

import (
	"slices"
	"testing"
	"time"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/reject"
)

// headersOf returns the headers of blocks.
func headersOf(blocks []*chaintest.Block) []pow.Header {
	var headers []pow.Header
	for _, b := range blocks {
		headers = append(headers, b.Header)
	}
	return headers
}

// addHeaders adds the headers of linked blocks, which prove the work of the last one.
func (n *node) addHeaders(t testing.TB, blocks ...*chaintest.Block) {
	t.Helper()
	if added, err := n.AddHeaders(headersOf(blocks), last(blocks).Work()); added != len(blocks) || err != nil {
		t.Fatalf("%d of %d headers, %v", added, len(blocks), err)
	}
}

// rejectHeaders adds headers that must be rejected with the reason, after a number.
func (n *node) rejectHeaders(t testing.TB, want reject.Reason, after int, proven pow.Work, headers ...pow.Header) {
	t.Helper()
	added, err := n.AddHeaders(headers, proven)
	if reason, _ := reject.Of(err); reason != want || added != after {
		t.Fatalf("%d headers, %v, want %v after %d", added, err, want, after)
	}
}

// Two halves of a network were apart for more than MaxReorg blocks. The half with less
// work takes the other's chain, once its headers have shown that they have more.
func TestDeepForkHeals(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 77)
	n := newNode(t, b)
	ours := grown(b, b.Genesis, MaxReorg+112, 1)
	theirs := grown(b, b.Genesis, MaxReorg+140, 1)
	n.give(t, Extended, ours...)
	n.reject(t, reject.LowWork, theirs[0].Block)
	n.rejectHeaders(t, reject.LowWork, 0, theirs[0].Work(), theirs[0].Header)

	// In parts, the work of the whole branch having been shown before.
	total := last(theirs).Work()
	for part := range slices.Chunk(headersOf(theirs), 100) {
		if added, err := n.AddHeaders(part, total); added != len(part) || err != nil {
			t.Fatalf("%d of %d headers, %v", added, len(part), err)
		}
	}
	if first, missing := n.Missing(1000); first != 1 || !slices.Equal(missing, hashesOf(theirs, false)) {
		t.Fatalf("%d bodies from height %d are missing", len(missing), first)
	}
	wins := len(ours) // as many blocks, but seen later; one more wins
	n.give(t, SideBranch, theirs[:wins]...)
	n.mustBe(t, last(ours))
	n = reopen(t, n, b) // the headers are forgotten, the bodies are not
	if first, missing := n.Missing(1000); first != 0 || missing != nil {
		t.Fatalf("%d bodies from height %d are missing", len(missing), first)
	}
	n.addHeaders(t, theirs[wins:]...)
	n.maxHeld = 20 * theirs[0].Size()
	n.give(t, Reorganized, theirs[wins])
	n.give(t, Extended, theirs[wins+1:]...)
	n.mustBe(t, last(theirs))
	if depth, at := n.DeepReorg(); depth != len(ours) || !at.Equal(b.Now()) {
		t.Errorf("a reorganisation of the depth %d at %v", depth, at)
	}
	n.check(t)
}

// Depth is that of the whole reorganisation, however it is reported.
func TestDepth(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 31)
	n := newNode(t, b)
	s := n.Subscribe()
	defer s.Close()
	first, second := grown(b, b.Genesis, 10, 3), grown(b, b.Genesis, 11, 3)
	n.give(t, Extended, first...)
	if e, _ := s.Poll(); e.Depth != 0 {
		t.Errorf("depth %d of an extension", e.Depth)
	}
	if depth, _ := n.DeepReorg(); depth != 0 {
		t.Errorf("a deep reorganisation of %d blocks", depth)
	}
	n.give(t, SideBranch, second[:10]...)
	n.maxHeld = 3 * first[0].Size()
	from := len(n.seen)
	n.give(t, Reorganized, second[10])
	parts := n.seen[from:]
	if len(parts) < 4 || final(parts).Depth != 10 {
		t.Fatalf("%d parts, the last with the depth %d", len(parts), final(parts).Depth)
	}
	gone := 0
	for _, part := range parts {
		if gone += len(part.Disconnected); part.Depth != gone {
			t.Errorf("depth %d after %d blocks", part.Depth, gone)
		}
	}
	if e, ok := s.Poll(); !ok || e.Depth != 10 {
		t.Errorf("event %+v", e)
	}
	if depth, _ := n.DeepReorg(); depth != 10 {
		t.Errorf("the last deep reorganisation has the depth %d", depth)
	}
	shallow := grown(b, second[8], 3, 0)
	n.give(t, SideBranch, shallow[:2]...)
	n.give(t, Reorganized, shallow[2])
	if change := final(n.seen); change.Depth != 2 {
		t.Errorf("depth %d, want 2", change.Depth)
	}
	if depth, _ := n.DeepReorg(); depth != 10 {
		t.Errorf("the last deep reorganisation has the depth %d", depth)
	}
}

func final[T any](s []T) T { return s[len(s)-1] }

// A header counts for nothing but where bodies are looked for, and its block is still
// judged by all rules.
func TestHeadersFirst(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 32)
	n := newNode(t, b)
	blocks := grown(b, b.Genesis, 6, 2)
	n.addHeaders(t, blocks...)
	n.mustBe(t, b.Genesis)
	if added, err := n.AddHeaders(headersOf(blocks), last(blocks).Work()); added != 0 || err != nil {
		t.Errorf("again: %d headers, %v", added, err)
	}
	if got := n.BestHeader(); got.Hash != last(blocks).Hash() || got.InChain || got.Work != last(blocks).Work() {
		t.Errorf("best header %+v", got)
	}
	if n.HasBody(blocks[0].Hash()) || !n.HasBody(b.Genesis.Hash()) || n.HasBody(pow.Hash{1}) {
		t.Error("wrong bodies")
	}
	if err := n.CheckHeader(blocks[3].Header); err != nil {
		t.Error(err)
	}
	if _, err := n.Raw(blocks[0].Hash()); err == nil {
		t.Error("a block without a body can be read")
	}

	// Blocks come in order; a body that does not belong to its header is not the end.
	n.reject(t, reject.UnknownParent, blocks[1].Block)
	twin := &block.Block{Header: blocks[0].Header, Records: blocks[0].Records[:2]}
	if _, err := n.Submit(twin); err == nil {
		t.Error("a body of another block is accepted")
	}
	n.give(t, Extended, blocks[:3]...)
	n.give(t, Known, blocks[:3]...)
	if first, missing := n.Missing(2); first != 4 || !slices.Equal(missing, hashesOf(blocks[3:5], false)) {
		t.Errorf("missing from %d on: %v", first, missing)
	}
	raw, err := n.Raw(blocks[2].Hash())
	if err != nil || !slices.Equal(raw, blocks[2].Encode()) {
		t.Errorf("raw block: %v", err)
	}
	n.give(t, Extended, blocks[3:]...)
	n.mustBe(t, last(blocks))
	if len(n.bodiless) != 0 {
		t.Errorf("%d headers count as without bodies", len(n.bodiless))
	}
	n.check(t)
}

// Headers that break a rule are rejected, those before them are kept, and nothing of
// them reaches the disk.
func TestRejectedHeaders(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 33)
	now := b.Now()
	n := newNode(t, b, at(func() time.Time { return now }))
	blocks := grown(b, b.Genesis, 4, 0)
	work := last(blocks).Work()
	now = b.Now()

	spoilt := blocks[2].Header
	chaintest.Spoil(&spoilt)
	n.rejectHeaders(t, reject.HighHash, 2, work, blocks[0].Header, blocks[1].Header, spoilt)
	n.rejectHeaders(t, reject.UnknownParent, 0, work, blocks[3].Header)
	n.rejectHeaders(t, reject.UnknownParent, 1, work, blocks[2].Header, blocks[1].Header)
	wrong := blocks[3].Header
	wrong.Bits = 0x207ffffe
	chaintest.Mine(&wrong)
	n.rejectHeaders(t, reject.BadBits, 0, work, wrong)
	late := b.Draft(blocks[2])
	late.Header.Time = uint32(now.Unix()) + b.Params.MaxFuture + 1
	n.rejectHeaders(t, reject.TimeTooNew, 0, work, late.Seal().Header)
	if added, err := n.AddHeaders(nil, work); added != 0 || err != nil {
		t.Errorf("no headers: %d, %v", added, err)
	}
	for _, h := range []pow.Header{spoilt, wrong, late.Header} {
		if n.CheckHeader(h) == nil {
			t.Error("a rejected header is good")
		}
	}
	if n.tree.Len() != 4 {
		t.Errorf("%d headers", n.tree.Len())
	}
	n = reopen(t, n, b)
	if n.tree.Len() != 1 {
		t.Errorf("%d headers are stored", n.tree.Len())
	}
	n.check(t)
}

// A block that is found invalid makes the headers after it invalid. Only its own mark is
// stored, so that each header in the store has its parent there.
func TestInvalidAmongHeaders(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 34)
	n := newNode(t, b)
	stem := grown(b, b.Genesis, 3, 1)
	n.give(t, Extended, stem...)

	bad := b.Draft(last(stem))
	bad.Reward.Value++
	chain := []*block.Block{bad.Seal()}
	headers := []pow.Header{chain[0].Header}
	for range 3 { // children of a block that the builder cannot know
		child := b.Draft(last(stem))
		child.Header.Prev = headers[len(headers)-1].Hash()
		child.Header.Time = headers[len(headers)-1].Time + 64
		sealed := child.Seal()
		chain = append(chain, sealed)
		headers = append(headers, sealed.Header)
	}
	work := pow.Work{1 << 20}
	if added, err := n.AddHeaders(headers, work); added != 4 || err != nil {
		t.Fatalf("%d headers, %v", added, err)
	}
	n.reject(t, reject.UnknownParent, chain[2]) // judges nothing, stores nothing
	n.reject(t, reject.CoinbaseValue, chain[0])
	n.reject(t, reject.InvalidBlock, chain[2])
	n.rejectHeaders(t, reject.InvalidBlock, 0, work, headers...)
	if got := n.BestHeader(); got.Hash != last(stem).Hash() {
		t.Errorf("best header %+v", got)
	}
	if _, missing := n.Missing(10); missing != nil {
		t.Errorf("%d bodies are missing", len(missing))
	}
	n = reopen(t, n, b)
	n.mustBe(t, last(stem))
	n.reject(t, reject.InvalidBlock, chain[0])
	n.rejectHeaders(t, reject.InvalidBlock, 0, work, headers...)
	n.rejectHeaders(t, reject.InvalidParent, 0, work, headers[1:]...)
	n.check(t)
}

// Enough is the greater of what the network is known to have and of the tip's work
// less MaxReorg blocks.
func TestEnough(t *testing.T) {
	b := chaintest.New(chaintest.Network(func(p *network.Params) { p.MinWork = pow.Work{10} }), 35)
	n := newNode(t, b)
	blocks := grown(b, b.Genesis, MaxReorg+20, 0) // each with a work of 2
	if got := n.Enough(); got != (pow.Work{10}) {
		t.Errorf("enough is %v", got)
	}
	n.rejectHeaders(t, reject.LowWork, 0, blocks[2].Work(), headersOf(blocks[:3])...)
	n.addHeaders(t, blocks[:5]...)
	n.give(t, Extended, blocks...)
	if got, want := n.Enough(), blocks[19].Work(); got != want {
		t.Errorf("enough is %v, want %v", got, want)
	}
	if got := subtract(pow.Work{3, 0, 7}, pow.Work{4, 0, 0, 1}); got != (pow.Work{}) {
		t.Errorf("less than nothing is %v", got)
	}
}

// Locator and HeadersAfter lead a node from what it has to what another has.
func TestLocator(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 36)
	n, other := newNode(t, b), newNode(t, b)
	stem := grown(b, b.Genesis, 30, 0)
	n.give(t, Extended, stem...)
	n.give(t, Extended, grown(b, last(stem), 40, 0)...)
	other.give(t, Extended, stem...)
	theirs := grown(b, last(stem), 50, 0)
	other.addHeaders(t, theirs[:1]...) // a header is enough
	locator := other.Locator()
	if locator[0] != theirs[0].Hash() || locator[len(locator)-1] != b.Genesis.Hash() || len(locator) > 20 {
		t.Errorf("%d hashes", len(locator))
	}
	if got := n.HeadersAfter(locator, pow.Hash{}, 5); len(got) != 5 || got[0].Prev != last(stem).Hash() {
		t.Errorf("%d headers", len(got))
	}
	for _, test := range []struct {
		locator   []pow.Hash
		stop      pow.Hash
		max, want int
	}{
		{nil, pow.Hash{}, 2000, 70},
		{[]pow.Hash{{1}}, pow.Hash{}, 2000, 70},
		{locator, pow.Hash{}, 2000, 40},
		{locator, pow.Hash{}, 0, 0},
		{[]pow.Hash{stem[4].Hash()}, stem[9].Hash(), 2000, 5},
		{[]pow.Hash{stem[4].Hash()}, stem[9].Hash(), 3, 3},
		{[]pow.Hash{stem[9].Hash()}, stem[4].Hash(), 2000, 60}, // it is not among them
		{[]pow.Hash{n.Tip().Hash}, pow.Hash{}, 2000, 0},
	} {
		if got := n.HeadersAfter(test.locator, test.stop, test.max); len(got) != test.want {
			t.Errorf("%d headers, want %d", len(got), test.want)
		}
	}
	for _, blk := range []*chaintest.Block{b.Genesis, stem[4], last(stem), theirs[0]} {
		point, ok := other.HeaderPoint(blk.Hash())
		if !ok || point.Hash != blk.Hash() || point.Height != blk.Height() || point.Work != blk.Work() || point.Bits != blk.Header.Bits {
			t.Errorf("point %+v", point)
		}
		if want := b.Genesis.Node().Header.Time; blk.Height() < 16 && point.PeriodTime != want {
			t.Errorf("period time %d, want %d", point.PeriodTime, want)
		}
		if n := min(int(blk.Height())+1, 11); len(point.Times) != n || point.Times[n-1] != blk.Header.Time || pow.MedianTime(point.Times) != blk.Node().MedianTime() {
			t.Errorf("times %v", point.Times)
		}
	}
	if _, ok := other.HeaderPoint(pow.Hash{1}); ok {
		t.Error("a point of nothing")
	}
}

// What peers wait for does not wait for a block that is being connected.
func TestHeadersDuringConnect(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 37)
	blocks, other := grown(b, b.Genesis, 3, 1), grown(b, b.Genesis, 4, 0)
	var n *node
	calls := 0
	n = newNode(t, b, func(o *Options) {
		o.OnChange = func(Change) { // with the lock of Submit held
			calls++
			n.addHeaders(t, other[calls-1])
			n.CatchUp(true)
			n.CatchUp(false)
			readHeaders(t, n)
			if calls == 3 {
				n.Forget(other[2].Hash())
			}
			if _, at := n.DeepReorg(); !at.IsZero() || n.Err() != nil {
				t.Error("a deep reorganisation")
			}
		}
	})
	n.give(t, Extended, blocks...)
	if calls != 3 || n.has(other[2].Header) || len(n.bodiless) != 0 {
		t.Errorf("%d calls", calls)
	}
}
