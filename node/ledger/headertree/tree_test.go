package headertree_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stele/engine/headerchain"
	"stele/engine/pow"
	"stele/node/ledger/headertree"
	"stele/node/ledger/reject"
)

// easy has short periods and a target that every hash meets.
var easy = &pow.Params{
	Name:             "easy",
	PowLimit:         pow.ZeroBits(1),
	PowLimitBits:     pow.ZeroBits(1).Bits(),
	TargetSpacing:    600,
	TargetTimespan:   8 * 600,
	RetargetInterval: 8,
}

// start is a time to begin a chain with.
const start = 1_700_000_000

func newTree(params *pow.Params, bits pow.Bits) *headertree.Tree {
	return headertree.New(params, pow.Header{Time: start, Bits: bits})
}

// child returns a header after the parent, with the nBits that it must have.
// Its number makes it different from other children.
func child(parent *headertree.Node, time, number uint32) pow.Header {
	return pow.Header{Prev: parent.Hash, Time: time, Bits: parent.NextBits(), Nonce: number}
}

// add adds a child.
func add(t interface{ Fatal(...any) }, tree *headertree.Tree, parent *headertree.Node, time, number uint32) *headertree.Node {
	h := child(parent, time, number)
	n, err := tree.Add(h, h.Hash())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// wantReason fails the test unless err is a rejection for the reason.
func wantReason(t *testing.T, err error, want reject.Reason) {
	t.Helper()
	if got, ok := reject.Of(err); !ok || got != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestParents(t *testing.T) {
	tree := newTree(easy, easy.PowLimitBits)
	genesis := tree.Best()
	a := add(t, tree, genesis, start+1, 1)
	b := add(t, tree, a, start+2, 1)
	if again, err := tree.Add(b.Header, b.Hash); again != b || err != nil {
		t.Errorf("added again: %v, %v", again, err)
	}

	_, err := tree.Add(pow.Header{Prev: pow.Hash{1}, Time: start + 1}, pow.Hash{2})
	wantReason(t, err, reject.UnknownParent)
	if tree.Get(pow.Hash{2}) != nil || tree.Len() != 3 {
		t.Error("a rejected header is in the tree")
	}

	tree.MarkInvalid(a)
	for _, parent := range []*headertree.Node{a, b} {
		h := child(parent, start+3, 2)
		_, err := tree.Add(h, h.Hash())
		wantReason(t, err, reject.InvalidParent)
	}
	tree.MarkInvalid(genesis)
	if genesis.Invalid() {
		t.Error("the genesis block became invalid")
	}
	add(t, tree, genesis, start+1, 2)
}

// A block has to be later than the median of its 11 ancestors: not as early,
// one second later is enough.
func TestMedianTimeEdge(t *testing.T) {
	tree := newTree(pow.Bitcoin, pow.Bitcoin.PowLimitBits)
	tip := tree.Best()
	for i := range uint32(10) {
		tip = add(t, tree, tip, start+100*(i+1), 0)
	}
	const median = start + 500
	if got := tip.MedianTime(); got != median {
		t.Fatalf("median time %d, want %d", got, median)
	}
	if got := tip.MinTime(); got != median+1 {
		t.Errorf("least time %d, want %d", got, median+1)
	}
	h := child(tip, median, 1)
	_, err := tree.Check(h)
	wantReason(t, err, reject.TimeTooOld)
	h.Time++
	if parent, err := tree.Check(h); parent != tip || err != nil {
		t.Error(parent, err)
	}
}

func TestTooNew(t *testing.T) {
	now := time.Unix(start, 999_999_999)
	for _, test := range []struct {
		time uint32
		ok   bool
	}{
		{0, true}, {start, true}, {start + 7200, true}, {start + 7201, false}, {1<<32 - 1, false},
	} {
		err := headertree.TooNew(pow.Header{Time: test.time}, now, 7200)
		if test.ok && err != nil {
			t.Error(err)
		} else if !test.ok {
			wantReason(t, err, reject.TimeTooNew)
			if reject.TimeTooNew.Permanent() {
				t.Error("the verdict would last")
			}
		}
	}
}

// nBits change only with a period, and then as the retarget says.
func TestBits(t *testing.T) {
	tree := newTree(easy, 0x1f00ffff)
	tip := tree.Best()
	for height := uint32(1); height <= 3*easy.RetargetInterval; height++ {
		h := child(tip, start+300*height, 0)
		for _, wrong := range []pow.Bits{h.Bits - 1, h.Bits + 1, easy.PowLimitBits, 0} {
			bad := h
			bad.Bits = wrong
			_, err := tree.Check(bad)
			wantReason(t, err, reject.BadBits)
		}
		if changes := h.Bits != tip.Header.Bits; changes != (height%easy.RetargetInterval == 0) {
			t.Errorf("nBits change at height %d: %v", height, changes)
		}
		tip = add(t, tree, tip, h.Time, 0)
	}
}

// The vectors of Bitcoin Core (pow_tests.cpp), here as the first period of a
// tree. A period is measured from its first to its last block, so that it has
// one interval less than blocks: with a block every ten minutes sharp the
// target falls by a 2016th (0x05a3f4 * 2015/2016).
func TestRetargetVectors(t *testing.T) {
	for _, test := range []struct {
		name        string
		first, last uint32
		bits, want  pow.Bits
	}{
		{"height 32256", 1261130161, 1262152739, 0x1d00ffff, 0x1d00d86a},
		{"height 2016, at the limit", 1231006505, 1233061996, 0x1d00ffff, 0x1d00ffff},
		{"height 68544, down by 4", 1279008237, 1279297671, 0x1c05a3f4, 0x1c0168fd},
		{"height 46368, up by 4", 1263163443, 1269211443, 0x1c387f6f, 0x1d00e1fd},
		{"sharp, one interval less", start, start + 2015*600, 0x1c05a3f4, 0x1c05a33c},
		{"2016 intervals change nothing", start, start + 2016*600, 0x1c05a3f4, 0x1c05a3f4},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := headertree.New(pow.Bitcoin, pow.Header{Time: test.first, Bits: test.bits})
			tip := tree.Best()
			for range 2014 {
				tip = add(t, tree, tip, tip.MinTime(), 0)
			}
			tip = add(t, tree, tip, test.last, 0)
			if got := tip.NextBits(); got != test.want {
				t.Errorf("nBits %v, want %v", got, test.want)
			}
		})
	}
}

// A tree that grows at random, with bodies that arrive in any order and blocks
// that turn out to be invalid, against its definition.
func TestRandomTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := newTree(easy, easy.PowLimitBits)
		genesis := tree.Best()
		nodes := []*headertree.Node{genesis}
		body := map[*headertree.Node]bool{genesis: true}
		marked := map[*headertree.Node]bool{}

		chain := func(n *headertree.Node) (up []*headertree.Node) { // n first
			for ; n != nil; n = n.Parent {
				up = append(up, n)
			}
			return up
		}
		best := genesis
		check := func() {
			most := genesis
			for _, n := range nodes {
				usable, invalid := true, false
				for _, m := range chain(n) {
					usable = usable && body[m]
					invalid = invalid || marked[m]
				}
				usable = usable && !invalid
				if n.Usable() != usable || n.Invalid() != invalid {
					t.Fatalf("height %d: usable %v, want %v; invalid %v, want %v", n.Height, n.Usable(), usable, n.Invalid(), invalid)
				}
				if usable && n.Work.Cmp(most.Work) > 0 {
					most = n
				}
			}
			now := tree.Best()
			if !now.Usable() || now.Work != most.Work {
				t.Fatalf("the best has work %v at height %d, there is %v", now.Work, now.Height, most.Work)
			}
			if now != best && best.Usable() && best.Work == now.Work {
				t.Fatal("the first of two with the same work had to give way")
			}
			best = now
		}

		one := func(label string) *headertree.Node { return rapid.SampledFrom(nodes).Draw(t, label) }
		t.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) { check() },
			"header": func(rt *rapid.T) {
				parent := one("parent")
				if parent.Invalid() {
					return
				}
				time := parent.MinTime() + rapid.Uint32Range(0, 2000).Draw(rt, "gap")
				n := add(rt, tree, parent, time, uint32(len(nodes)))
				nodes = append(nodes, n)
				if rapid.Bool().Draw(rt, "with body") {
					body[n] = true
					tree.SetBody(n)
				}
			},
			"body": func(*rapid.T) {
				n := one("node")
				body[n] = true
				tree.SetBody(n)
			},
			"invalid": func(rt *rapid.T) {
				n := one("node")
				if n != genesis && rapid.IntRange(0, 3).Draw(rt, "seldom") == 0 {
					marked[n] = true
					tree.MarkInvalid(n)
				}
			},
			"ancestors": func(rt *rapid.T) {
				a, b := one("a"), one("b")
				up := chain(a)
				height := rapid.Uint32Range(0, a.Height+1).Draw(rt, "height")
				got := a.Ancestor(height)
				if height > a.Height && got != nil || height <= a.Height && got != up[a.Height-height] {
					t.Fatalf("ancestor of %d at %d", a.Height, height)
				}
				fork := headertree.ForkPoint(a, b)
				for _, n := range up {
					if b.Ancestor(n.Height) == n {
						if fork != n {
							t.Fatalf("the chains part at height %d, not %d", n.Height, fork.Height)
						}
						break
					}
				}
			},
		})
	})
}

// What a node says about its children is what the rules ask.
func TestNodeAgainstDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := newTree(easy, easy.PowLimitBits)
		tip := tree.Best()
		times := []uint32{start}
		work := tip.Work.Big()
		for range rapid.IntRange(1, 40).Draw(t, "blocks") {
			tip = add(t, tree, tip, tip.MinTime()+rapid.Uint32Range(0, 1500).Draw(t, "gap"), 0)
			times = append(times, tip.Header.Time)
			target, err := tip.Header.Bits.Target()
			if err != nil {
				t.Fatal(err)
			}
			work.Add(work, target.Work().Big())

			if got, want := tip.MedianTime(), pow.MedianTime(times); got != want {
				t.Fatalf("median time %d, want %d", got, want)
			}
			first := len(times) - 1 - int(tip.Height%easy.RetargetInterval)
			want, err := headerchain.Past{
				Height:     int64(len(times)),
				Bits:       tip.Header.Bits,
				Time:       tip.Header.Time,
				PeriodTime: times[first],
			}.NextBits(easy)
			if err != nil || tip.NextBits() != want {
				t.Fatalf("nBits %v, want %v, %v", tip.NextBits(), want, err)
			}
		}
		if tip.Work.Big().Cmp(work) != 0 || int(tip.Height) != len(times)-1 {
			t.Fatalf("work %v at height %d", tip.Work, tip.Height)
		}
	})
}

// Random trees from which ends of branches are removed: the best header has the most
// work of those that are valid, and the tree is as if what is gone had never been there.
func TestRemove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := newTree(easy, easy.PowLimitBits)
		kept := []*headertree.Node{tree.Best()}
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			n := rapid.SampledFrom(kept).Draw(t, "node")
			switch rapid.IntRange(0, 6).Draw(t, "step") {
			case 0, 1:
				var branch []*headertree.Node // down to the first that must stay
				for at := n; at != nil; at = at.Parent {
					branch = append(branch, at)
				}
				want := 0
				for _, at := range branch {
					isLeaf := !slices.ContainsFunc(kept, func(c *headertree.Node) bool { return c.Parent == at })
					if at.HasBody() || !isLeaf {
						break
					}
					kept = slices.DeleteFunc(kept, func(n *headertree.Node) bool { return n == at })
					want++
				}
				if got := tree.Remove(branch...); got != want {
					t.Fatalf("%d headers are removed, want %d", got, want)
				}
			case 2:
				if n.Parent == nil || n.Parent.HasBody() {
					tree.SetBody(n)
				}
			case 3:
				if rapid.IntRange(0, 3).Draw(t, "invalid") == 0 {
					tree.MarkInvalid(n)
				}
			default:
				if !n.Invalid() {
					kept = append(kept, add(t, tree, n, n.Header.Time+1, uint32(i)))
				}
			}
			checkBest(t, tree, kept)
		}
	})
}

// checkBest compares a tree with a list of its headers.
func checkBest(t *rapid.T, tree *headertree.Tree, all []*headertree.Node) {
	if tree.Len() != len(all) {
		t.Fatalf("%d headers, want %d", tree.Len(), len(all))
	}
	var most pow.Work
	for _, n := range all {
		if tree.Get(n.Hash) != n {
			t.Fatalf("height %d is gone", n.Height)
		}
		if !n.Invalid() && n.Work.Cmp(most) > 0 {
			most = n.Work
		}
		var missing *headertree.Node
		for at := n; at != nil; at = at.Parent {
			if !at.HasBody() {
				missing = at
			}
		}
		if got := n.FirstMissing(); got != missing {
			t.Fatalf("height %d: the first missing body is not that of %v, but of %v", n.Height, missing, got)
		}
	}
	best := tree.BestHeader()
	if best.Invalid() || best.Work != most || tree.Get(best.Hash) != best || tree.Best().Work == most && best != tree.Best() {
		t.Fatalf("the best header has the work %v, want %v", best.Work, most)
	}
}
