package chain

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/ledger/reject"
	"stele/node/store"
)

func TestExtend(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 1)
	n := newNode(t, b)
	n.mustBe(t, b.Genesis)
	blocks := grown(b, b.Genesis, 40, 5)
	for i, blk := range blocks {
		n.give(t, Extended, blk)
		change := n.seen[i]
		if len(change.Disconnected) != 0 || !slices.Equal(hashes(change.Connected), []pow.Hash{blk.Hash()}) || change.Tip != n.Tip() {
			t.Fatalf("height %d: change %+v", blk.Height(), change)
		}
	}
	n.mustBe(t, last(blocks))
	n.give(t, Known, blocks...)
	n.give(t, Known, b.Genesis)

	tip, node := n.Tip(), last(blocks).Node()
	if tip.MedianTime != node.MedianTime() || tip.NextBits != node.NextBits() || tip.MinTime != node.MinTime() || tip.Header != node.Header {
		t.Errorf("tip %+v", tip)
	}
	if c := n.NextContext(); c.Height != 41 || c.MedianTime != node.MedianTime() {
		t.Errorf("context %+v", c)
	}
	report := n.check(t)
	if report.Height != 40 || report.Blocks != 41 || report.From != 0 || report.Records != 41+40*5 {
		t.Errorf("report %+v", report)
	}
}

func TestReorganisation(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 2)
	n := newNode(t, b)
	stem := grown(b, b.Genesis, 10, 3)
	n.give(t, Extended, stem...)
	first := grown(b, last(stem), 5, 4)
	second := grown(b, last(stem), 6, 4)
	n.give(t, Extended, first...)
	n.give(t, SideBranch, second[:5]...)
	n.mustBe(t, last(first)) // the same work, but seen first
	changes := len(n.seen)
	n.give(t, Reorganized, second[5])
	n.mustBe(t, last(second))
	if len(n.seen) != changes+1 {
		t.Fatalf("%d changes for one reorganisation", len(n.seen)-changes)
	}
	change := n.seen[changes]
	if !slices.Equal(hashes(change.Disconnected), hashesOf(first, true)) || !slices.Equal(hashes(change.Connected), hashesOf(second, false)) {
		t.Errorf("change %v, %v", hashes(change.Disconnected), hashes(change.Connected))
	}
	back := grown(b, last(first), 2, 2)
	n.give(t, SideBranch, back[0])
	n.give(t, Reorganized, back[1])
	n.mustBe(t, back[1])
	n.check(t)
}

// A reorganisation of long branches is reported in parts, so that not all their blocks
// are in memory at once; also one that goes back, since the branch is invalid. All
// parts but the last are partial, and the published tip is the old one until then.
func TestReorganisationInParts(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 21)
	n := newNode(t, b)
	stem := grown(b, b.Genesis, 5, 1)
	first := grown(b, last(stem), 20, 10)
	second := grown(b, last(stem), 21, 10)
	n.give(t, Extended, stem...)
	n.give(t, Extended, first...)
	n.give(t, SideBranch, second[:20]...)
	n.maxHeld = 4 * first[0].Size()

	// follow applies the changes from a number on to the chain before, and wants
	// several, none with much more than maxHeld.
	follow := func(from int, before []*chaintest.Block) (now []pow.Hash) {
		t.Helper()
		for _, blk := range before {
			now = append(now, blk.Hash())
		}
		parts := n.seen[from:]
		if len(parts) < 8 {
			t.Errorf("%d parts", len(parts))
		}
		for i, part := range parts {
			size := 0
			for _, gone := range part.Disconnected {
				if gone.Hash() != now[len(now)-1] {
					t.Fatalf("part %d: block %v leaves the chain, and is not its tip", i, gone.Hash())
				}
				now = now[:len(now)-1]
				size += gone.Size()
			}
			for _, come := range part.Connected {
				if come.Header.Prev != now[len(now)-1] {
					t.Fatalf("part %d: block %v joins the chain, and is not on its tip", i, come.Hash())
				}
				now = append(now, come.Hash())
				size += come.Size()
			}
			if size > 2*n.maxHeld {
				t.Errorf("part %d has %d bytes of blocks, at most %d are to be held and the last one", i, size, n.maxHeld)
			}
			if part.Tip.Hash != now[len(now)-1] {
				t.Errorf("part %d: the tip is not its last block", i)
			}
			if tip := n.tips[from+i]; part.Partial {
				if tip.Hash != last(before).Hash() {
					t.Errorf("part %d: the chain shows the tip %v", i, tip.Hash)
				}
			} else if i < len(parts)-1 || tip != part.Tip {
				t.Errorf("part %d of %d is not partial, or has another tip than the chain", i, len(parts))
			}
			if i == len(parts)-1 && part.Partial {
				t.Error("the last part is partial")
			}
		}
		return now
	}
	changes := len(n.seen)
	n.give(t, Reorganized, second[20])
	n.mustBe(t, last(second))
	if got := follow(changes, slices.Concat(stem, first)); !slices.Equal(got[5:], hashesOf(second, false)) {
		t.Error("the parts do not lead to the new branch")
	}

	// A branch that would win, but for its last block.
	rest := grown(b, last(first), 1, 1)
	n.give(t, SideBranch, rest...)
	draft := b.Draft(last(rest))
	draft.Reward.Value++
	changes = len(n.seen)
	n.reject(t, reject.CoinbaseValue, draft.Seal())
	n.mustBe(t, last(second))
	if got := follow(changes, slices.Concat(stem, second)); !slices.Equal(got[5:], hashesOf(second, false)) {
		t.Error("the parts do not lead back")
	}
	if len(n.blocks) != 0 || n.held != 0 {
		t.Errorf("%d blocks are held at the end", len(n.blocks))
	}
	n.check(t)
}

// A branch that turns out to be invalid in its middle leaves the chain as it
// was, and nothing can be built on it.
func TestInvalidBranch(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 3)
	n := newNode(t, b)
	stem := grown(b, b.Genesis, 10, 2)
	n.give(t, Extended, stem...)
	chain := grown(b, last(stem), 3, 2)
	n.give(t, Extended, chain...)

	branch := grown(b, last(stem), 2, 2)
	n.give(t, SideBranch, branch...)
	draft := b.Draft(last(branch))
	draft.Reward.Value++
	bad := draft.Seal()
	if got, err := n.Submit(bad); got != SideBranch || err != nil {
		t.Fatalf("%v, %v", got, err)
	}
	child := b.Draft(last(branch))
	child.Header.Prev = bad.Hash()
	child.Header.Time += 64
	changes := len(n.seen)
	n.reject(t, reject.InvalidParent, child.Seal())
	n.mustBe(t, last(chain))
	if len(n.seen) != changes {
		t.Errorf("a change was reported where nothing changed: %+v", n.seen[changes])
	}
	n.reject(t, reject.InvalidBlock, bad)
	n.reject(t, reject.InvalidBlock, child.Seal())
	child.Header.Time++
	n.reject(t, reject.InvalidParent, child.Seal())

	// The valid part of the branch can still win.
	rest := grown(b, last(branch), 2, 2)
	n.give(t, SideBranch, rest[0])
	n.give(t, Reorganized, rest[1])
	n.mustBe(t, rest[1])

	// All that is known after a restart, too.
	n = reopen(t, n, b)
	n.mustBe(t, rest[1])
	n.reject(t, reject.InvalidBlock, bad)
	n.reject(t, reject.InvalidParent, child.Seal())
	n.check(t)
}

// reopen closes a node and opens its store again.
func reopen(t *testing.T, n *node, b *chaintest.Builder, options ...option) *node {
	t.Helper()
	if err := n.store.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := open(n.fs, b, options...)
	if err != nil {
		t.Fatal(err)
	}
	*n = *again // closed by the test's clean-up
	return n
}

// Of two branches with the same work the chain is the one that came first, also
// after a restart.
func TestFirstSeenAfterRestart(t *testing.T) {
	for seed := range uint64(8) {
		b := chaintest.New(chaintest.Network(), seed)
		n := newNode(t, b)
		first, second := grown(b, b.Genesis, 3, 1), grown(b, b.Genesis, 3, 1)
		n.give(t, Extended, first...)
		n.give(t, SideBranch, second...)
		n = reopen(t, n, b)
		n.mustBe(t, last(first))
	}
}

// A chain whose clock is three hours slow rejects a block for now, logs it, and accepts
// it once the clock is right.
func TestWrongClock(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 4)
	slow := true
	n := newNode(t, b, at(func() time.Time {
		if slow {
			return b.Now().Add(-3 * time.Hour)
		}
		return b.Now()
	}))
	blocks := grown(b, b.Genesis, 3, 1)
	n.reject(t, reject.TimeTooNew, blocks[0].Block)
	n.reject(t, reject.UnknownParent, blocks[1].Block)
	slow = false
	n.give(t, Extended, blocks...)
	n.mustBe(t, last(blocks))
}

func TestLowWork(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 5)
	n := newNode(t, b)
	chain := grown(b, b.Genesis, MaxReorg+10, 0)
	n.give(t, Extended, chain...)
	// A block on chain[i] has height i+2, so the chain up to it lacks
	// MaxReorg+10-(i+2) blocks.
	n.reject(t, reject.LowWork, b.Extend(b.Genesis).Block)
	n.reject(t, reject.LowWork, b.Extend(chain[7]).Block)
	n.give(t, SideBranch, b.Extend(chain[8]))
	if _, ok := n.Header(b.Extend(chain[7]).Hash()); ok {
		t.Error("a header with low work is kept")
	}
}

func TestPruning(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 6)
	n := newNode(t, b)
	chain := grown(b, b.Genesis, 20, 1)
	n.give(t, Extended, chain...)
	stale := b.Extend(chain[3])
	n.give(t, SideBranch, stale)

	// Pruning is switched on later: the old bodies go.
	more := grown(b, last(chain), MinKeep, 1)
	n.give(t, Extended, more...)
	n = reopen(t, n, b, keep(MinKeep))
	gone := func(blk *chaintest.Block) bool {
		_, err := n.Block(blk.Hash())
		if err != nil && !errors.Is(err, store.ErrPruned) {
			t.Fatal(err)
		}
		return err != nil
	}
	all := append(slices.Clone(chain), more...)
	prunedUpTo := func(height int) {
		t.Helper()
		for i, blk := range all {
			if got, want := gone(blk), i+1 <= height; got != want {
				t.Fatalf("height %d: pruned %v, want %v", i+1, got, want)
			}
		}
	}
	prunedUpTo(20)
	if !gone(stale) {
		t.Error("the body of a stale block is kept")
	}
	if gone(b.Genesis) {
		t.Error("the body of the genesis block is pruned")
	}
	next := grown(b, last(all), 5, 1)
	n.give(t, Extended, next...)
	all = append(all, next...)
	prunedUpTo(25)
	n.mustBe(t, last(all))

	// A branch from where bodies are missing cannot be followed. From where they
	// begin it can.
	n.reject(t, reject.BelowPruned, b.Extend(all[23]).Block)
	branch := grown(b, all[24], 2, 1)
	n.give(t, SideBranch, branch...)

	report := n.check(t)
	if report.From != 26 || report.Blocks != MinKeep {
		t.Errorf("report %+v", report)
	}
	n = reopen(t, n, b, keep(MinKeep))
	n.mustBe(t, last(all))
	n.reject(t, reject.BelowPruned, b.Extend(all[23]).Block)
	n.give(t, Extended, b.Extend(last(all)))
}

func TestKeepTooFew(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 7)
	if n, err := open(newNode(t, b).fs, b, keep(MinKeep-1)); err == nil {
		n.store.Close()
		t.Error("opened")
	}
}

func TestQueries(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 8)
	n := newNode(t, b)
	chain := grown(b, b.Genesis, 5, 7)
	n.give(t, Extended, chain...)
	side := b.Extend(chain[2], b.Records(chain[2], 2)...)
	n.give(t, SideBranch, side)

	for _, blk := range last(chain).Chain() {
		got, err := n.BlockAt(blk.Height())
		if err != nil || !bytes.Equal(got.Encode(), blk.Encode()) {
			t.Fatalf("height %d: %v", blk.Height(), err)
		}
		h, ok := n.HeaderAt(blk.Height())
		if !ok || h.Hash != blk.Hash() || h.Header != blk.Header || h.Height != blk.Height() || h.Work != blk.Work() || !h.InChain || h.Invalid {
			t.Fatalf("header %+v", h)
		}
		for i, r := range blk.Records {
			f, err := n.Find(r.ID())
			if err != nil || f.Record.FullHash() != r.FullHash() || f.Place != (store.Place{Height: blk.Height(), Index: uint32(i)}) || f.Block != blk.Hash() {
				t.Fatalf("record %d of height %d: %+v, %v", i, blk.Height(), f, err)
			}
			if err := f.Proof.Check(r.ID()); err != nil || f.Proof.Header != blk.Header {
				t.Fatal(err)
			}
		}
	}
	got, err := n.Block(side.Hash())
	if err != nil || got.Hash() != side.Hash() {
		t.Error(err)
	}
	if h, ok := n.Header(side.Hash()); !ok || h.InChain {
		t.Errorf("header of a side branch %+v", h)
	}
	if _, err := n.Find(side.Records[0].ID()); !errors.Is(err, store.ErrNotFound) {
		t.Error("found a record of a side branch: ", err)
	}
	if _, err := n.BlockAt(6); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if _, err := n.Block(pow.Sum(nil)); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if _, ok := n.HeaderAt(6); ok {
		t.Error("a header above the tip")
	}
	if _, ok := n.Header(pow.Sum(nil)); ok {
		t.Error("a header of nothing")
	}
}
