package chain

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/ledger/headertree"
	"stele/node/store"
)

// walk is what a subscriber makes of its events: the hashes of its chain, by height.
type walk []pow.Hash

// apply follows an event. It reports whether the event fits to the events before.
func (w *walk) apply(e Event) bool {
	for _, gone := range e.Disconnected {
		end := len(*w) - 1
		if gone != (Point{uint32(end), (*w)[end]}) {
			return false
		}
		*w = (*w)[:end]
	}
	if end := len(*w) - 1; e.Fork != (Point{uint32(end), (*w)[end]}) {
		return false
	}
	for _, come := range e.Connected {
		if int(come.Height) != len(*w) {
			return false
		}
		*w = append(*w, come.Hash)
	}
	end := len(*w) - 1
	return e.Position == Point{uint32(end), (*w)[end]}
}

// walkTo returns the hashes of the chain of b.
func walkTo(b *chaintest.Block) walk {
	var w walk
	for _, each := range b.Chain() {
		w = append(w, each.Hash())
	}
	return w
}

// From any block of a tree to any other, in steps of any size: each step has at
// most so many blocks, the steps fit together, none is superfluous, and they lead
// over the last common block.
func TestStep(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 31)
	all := append(randomTree(b, rand.New(rand.NewPCG(3, 1)), 150), b.Genesis)
	tree := headertree.New(b.Params.Pow, b.Genesis.Header)
	for _, each := range all[:len(all)-1] {
		if _, err := tree.Add(each.Header, each.Hash()); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		from, to := rapid.SampledFrom(all).Draw(t, "from"), rapid.SampledFrom(all).Draw(t, "to")
		limit := rapid.IntRange(1, 40).Draw(t, "limit")
		start, end := tree.Get(from.Hash()), tree.Get(to.Hash())
		fork := headertree.ForkPoint(start, end)
		distance := int(start.Height - fork.Height + end.Height - fork.Height)

		w, position, lowest := walkTo(from), start, start.Height
		for range (distance + limit - 1) / limit {
			var e Event
			e, position = step(position, end, limit)
			if !w.apply(e) || e.Position.Hash != position.Hash {
				t.Fatalf("event %+v does not fit", e)
			}
			if n := len(e.Disconnected) + len(e.Connected); n > limit || n < limit && position != end {
				t.Fatalf("%d blocks in a step of at most %d", n, limit)
			}
			lowest = min(lowest, e.Fork.Height)
		}
		if position != end || !slices.Equal(w, walkTo(to)) {
			t.Fatalf("the steps lead to height %d, want %d", position.Height, end.Height)
		}
		if lowest != fork.Height {
			t.Fatalf("the steps lead over height %d, the fork is at %d", lowest, fork.Height)
		}
		if e, position := step(end, end, limit); position != end || len(e.Disconnected)+len(e.Connected) > 0 {
			t.Fatalf("a step without a way: %+v", e)
		}
	})
}

// Subscribers of any pace end at the tip, by events that fit together, also those
// that come later and those that start from a block of another branch.
func TestSubscribers(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 2))
	b := chaintest.New(chaintest.Network(), 32)
	tree := randomTree(b, rng, 120)
	n := newNode(t, b)
	type subscriber struct {
		*Subscription
		walk
		every int // it follows after so many blocks
	}
	var all []*subscriber
	add := func(s *Subscription, at *chaintest.Block) {
		t.Cleanup(s.Close)
		all = append(all, &subscriber{s, walkTo(at), 1 + rng.IntN(10)})
	}
	byHash := map[pow.Hash]*chaintest.Block{}
	for _, each := range b.All() {
		byHash[each.Hash()] = each
	}
	follow := func(s *subscriber) {
		for {
			e, ok := s.Poll()
			if !ok {
				return
			}
			if !s.apply(e) || e.IsBehind() || e.Partial || e.Tip != n.Tip() {
				t.Fatalf("event %+v does not fit", e)
			}
		}
	}
	for i, blk := range randomOrder(tree, rng) {
		if _, err := n.Submit(blk.Block); err != nil {
			t.Fatal(err)
		}
		switch i % 10 {
		case 0:
			add(n.Subscribe(), byHash[n.Tip().Hash])
		case 5:
			s, err := n.SubscribeFrom(blk.Hash())
			if err != nil {
				t.Fatal(err)
			}
			add(s, blk)
		}
		for _, s := range all {
			if i%s.every == 0 {
				follow(s)
			}
		}
	}
	want := walkTo(byHash[n.Tip().Hash])
	for _, s := range all {
		follow(s)
		if !slices.Equal(s.walk, want) {
			t.Errorf("a subscriber ends at height %d, the chain at %d", len(s.walk)-1, len(want)-1)
		}
	}
	if _, err := n.SubscribeFrom(pow.Hash{1}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("from an unknown block: %v", err)
	}
}

// At the end of its position a subscriber that has not followed a long way gets it
// in steps, and is woken for each.
func TestSubscribeFromGenesis(t *testing.T) {
	const size = maxStep + 10
	b := chaintest.New(chaintest.Network(), 33)
	n := newNode(t, b)
	for _, blk := range grown(b, b.Genesis, 3, 0) {
		n.give(t, Extended, blk)
	}
	s, err := n.SubscribeFrom(b.Genesis.Hash())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	// The header tree can be longer than the chain that the test has time for.
	header, node := n.Tip().Header, n.storeTip
	for node.Height < size {
		header.Prev, header.Time, header.Bits = node.Hash, header.Time+b.Params.Pow.TargetSpacing, node.NextBits()
		if node, err = n.tree.Add(header, header.Hash()); err != nil {
			t.Fatal(err)
		}
	}
	n.mu.Lock()
	before := n.storeTip
	n.storeTip = node
	n.publish(newTip(node, n.digest), false)
	n.storeTip = before
	n.mu.Unlock()

	for i, want := range []int{maxStep, size - maxStep} {
		select {
		case <-s.C():
		default:
			t.Fatalf("not woken for step %d", i)
		}
		e, ok := s.Poll()
		if !ok || len(e.Connected) != want || e.IsBehind() != (i == 0) {
			t.Fatalf("step %d: %v, %d blocks, behind: %v", i, ok, len(e.Connected), e.IsBehind())
		}
	}
	if e, ok := s.Poll(); ok {
		t.Errorf("a further event %+v", e)
	}
}

// In virtual time: each subscriber gets every tip in order if it keeps pace; a slow
// one gets the way in few events, and holds up neither the chain nor the others.
func TestSlowSubscriber(t *testing.T) {
	const blocks, spacing = 60, time.Second
	b := chaintest.New(chaintest.Network(), 34)
	chain := grown(b, b.Genesis, blocks, 0)
	branch := append(chain[:blocks-1:blocks-1], grown(b, chain[blocks-2], 2, 0)...)
	synctest.Test(t, func(t *testing.T) {
		n, err := open(vfs.NewMem(), b)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		begin := time.Now()
		events := make([]int, 3)
		for i, pause := range []time.Duration{0, 0, 10 * spacing} {
			s := n.Subscribe()
			running.Go(func() {
				defer s.Close()
				w := walkTo(b.Genesis)
				for {
					e, err := s.Next(ctx)
					if err != nil {
						if !errors.Is(err, context.Canceled) || !slices.Equal(w, walkTo(last(branch))) {
							t.Errorf("subscriber %d ends at height %d: %v", i, len(w)-1, err)
						}
						return
					}
					if events[i]++; !w.apply(e) {
						t.Errorf("subscriber %d: event %+v does not fit", i, e)
						return
					}
					if pause == 0 && time.Since(begin)%spacing != 0 {
						t.Errorf("subscriber %d hears of a tip after %v", i, time.Since(begin)%spacing)
					}
					time.Sleep(pause)
				}
			})
		}
		for _, blk := range chain {
			time.Sleep(spacing)
			n.give(t, Extended, blk)
		}
		time.Sleep(spacing)
		n.give(t, SideBranch, branch[blocks-1])
		n.give(t, Reorganized, branch[blocks])
		if took := time.Since(begin); took != (blocks+1)*spacing {
			t.Errorf("the chain took %v: a subscriber has held it up", took)
		}
		time.Sleep(time.Minute)
		cancel()
		running.Wait()
		if events[0] != blocks+1 || events[1] != blocks+1 || events[2] > blocks/10+2 {
			t.Errorf("%v events, want %d for those that keep pace, and a tenth for the slow one", events, blocks+1)
		}
		if len(n.subscribers.all) != 0 {
			t.Errorf("%d subscriptions are left", len(n.subscribers.all))
		}
		if err := n.store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A subscriber that ends leaves nothing behind, and is not woken any more.
func TestSubscriptionClose(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 35)
	n := newNode(t, b)
	blocks := grown(b, b.Genesis, 2, 0)
	s := n.Subscribe()
	n.give(t, Extended, blocks[0])
	<-s.C()
	s.Close()
	s.Close()
	n.give(t, Extended, blocks[1])
	select {
	case <-s.C():
		t.Error("woken after Close")
	default:
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
	if len(n.subscribers.all) != 0 {
		t.Error("the subscription is left")
	}
}

// Subscriptions come and go, and poll, while several goroutines submit.
func TestSubscribeConcurrently(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 6))
	b := chaintest.New(chaintest.Network(), 36)
	tree := randomTree(b, rng, 100)
	n := newNode(t, b)
	byHash := map[pow.Hash]*chaintest.Block{}
	for _, each := range b.All() {
		byHash[each.Hash()] = each
	}
	var writers, readers sync.WaitGroup
	var done atomic.Bool
	for range 2 {
		order := randomOrder(tree, rng)
		writers.Go(func() {
			for _, blk := range order {
				if _, err := n.Submit(blk.Block); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 4 {
		readers.Go(func() {
			for end := false; !end; {
				end = done.Load()
				s, err := n.SubscribeFrom(b.Genesis.Hash())
				if err != nil {
					t.Error(err)
					return
				}
				w := walkTo(b.Genesis)
				for range 5 {
					if e, ok := s.Poll(); ok && !w.apply(e) {
						t.Errorf("event %+v does not fit", e)
					}
				}
				s.Close()
				if end && !slices.Equal(w, walkTo(byHash[n.Tip().Hash])) {
					t.Errorf("a subscriber ends at height %d, not at the tip", len(w)-1)
				}
			}
		})
	}
	writers.Wait()
	done.Store(true)
	readers.Wait()
}

// Flush runs without the lock of the chain after a change, and with it before the
// first block is disconnected, while the store still has the old tip.
func TestFlush(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 37)
	one, two := grown(b, b.Genesis, 2, 1), grown(b, b.Genesis, 3, 1)
	var n *node
	var calls []string
	var err error
	n, err = open(vfs.NewMem(), b, func(o *Options) {
		o.OnChange = func(Change) { calls = append(calls, "change") }
		o.Flush = func() {
			if n.mu.TryLock() {
				n.mu.Unlock()
				calls = append(calls, "flush")
				return
			}
			calls = append(calls, "flush under the lock")
			if tip, _, err := n.store.Tip(); err != nil || tip.Hash != one[1].Hash() {
				t.Errorf("a block was disconnected before: %v, %v", tip, err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer n.store.Close()
	wants := func(want ...string) {
		t.Helper()
		if !slices.Equal(calls, want) {
			t.Errorf("calls %q, want %q", calls, want)
		}
		calls = nil
	}
	n.give(t, Extended, one...)
	wants("change", "flush", "change", "flush")
	n.give(t, Known, one...)
	n.give(t, SideBranch, two[:2]...)
	wants()
	n.give(t, Reorganized, two[2])
	wants("flush under the lock", "change", "flush")
}

// Blocks that were connected last are not decoded again.
func TestRecentBlocks(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 38)
	n := newNode(t, b)
	blocks := grown(b, b.Genesis, maxRecent+1, 1)
	n.give(t, Extended, blocks...)
	for i, want := range blocks {
		got, err := n.Block(want.Hash())
		if err != nil || got.Hash() != want.Hash() {
			t.Fatal(err)
		}
		if shared := got == want.Block; shared != (i > 0) {
			t.Errorf("block %d of %d is shared: %v", i+1, len(blocks), shared)
		}
	}
}
