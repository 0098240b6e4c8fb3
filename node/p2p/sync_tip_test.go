package p2p

import (
	"slices"
	"strings"
	"testing"
	"time"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/ledger/reject"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
)

// asFull makes all connections of a node look like calls of its own choice.
func (n *testNode) asFull() {
	n.onLoop(func() {
		for _, p := range n.peers {
			p.kind = slots.Full
		}
	})
}

// An outbound peer that does not follow the chain goes in time; one that follows it and
// does not say so is asked, and stays.
func TestBehind(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.grow(w.builder.Genesis, 40, 0)
		n := w.node()
		n.give(blocks[:30]...)
		lagging, silent := w.host(), w.host()
		go w.greet(n, lagging, withBlocks(blocks[:20])).serve(blocks[:20], nil)
		go w.greet(n, silent, withBlocks(blocks[:20])).serve(blocks, nil)
		n.asFull()
		n.give(blocks[30:]...)
		patience := n.syncer.blockTimes(behindBlocks, minBehind)
		time.Sleep(2*patience - time.Minute)
		if got := len(n.Status().Connected); got != 2 {
			t.Fatalf("%d peers before the time: %+v", got, n.Status().Gone)
		}
		time.Sleep(2 * time.Minute)
		if g, ok := n.goneFrom(lagging.Addr()); !ok || g.Reason != string(wire.ReasonBehind) {
			t.Errorf("the one that is behind: %+v", g)
		}
		if g, ok := n.goneFrom(silent.Addr()); ok {
			t.Errorf("the one that follows: %+v", g)
		}
		if n.Status().Discouraged != 0 {
			t.Error("a peer that is behind is avoided")
		}
	})
}

// The first four outbound peers with the node's work stay, even if they are behind later.
func TestBehindKeepsFour(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.grow(w.builder.Genesis, 20, 0)
		n := w.node()
		n.give(blocks[:10]...)
		for range 6 {
			go w.greet(n, w.host(), withBlocks(blocks[:10])).serve(blocks[:10], nil)
		}
		n.asFull()
		n.onLoop(func() {
			for _, sp := range n.syncer.order {
				n.syncer.protect(sp)
			}
		})
		n.give(blocks[10:]...)
		time.Sleep(3 * n.syncer.blockTimes(behindBlocks, minBehind))
		if got := len(n.Status().Connected); got != maxKept {
			t.Errorf("%d peers are left, want %d", got, maxKept)
		}
	})
}

// While no block comes for long the node may call one more peer.
func TestStaleTip(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.grow(w.builder.Genesis, 2, 0)
		n := w.node()
		go w.greet(n, w.host()).serve(nil, nil)
		stale := func() (is bool) {
			n.onLoop(func() { is = n.syncer.isStale })
			return is
		}
		limit := n.syncer.blockTimes(staleBlocks, minStale)
		n.give(blocks[0])
		time.Sleep(limit - time.Minute)
		if stale() {
			t.Error("stale before the time")
		}
		time.Sleep(2 * time.Minute)
		if !stale() {
			t.Error("not stale after the time")
		}
		n.give(blocks[1])
		time.Sleep(2 * time.Second)
		if stale() {
			t.Error("stale with a new block")
		}
	})
}

// A block from the future is taken when its time has come.
func TestFutureBlock(t *testing.T) {
	bubble(t, func(w *world) {
		parent := w.grow(w.builder.Genesis, 3, 0)
		d := w.builder.Draft(lastOf(parent))
		early := time.Duration(w.builder.Params.MaxFuture+3600) * time.Second
		d.Header.Time = uint32(w.clock().Add(early).Unix())
		blk := w.builder.Add(lastOf(parent), d.Seal())
		all := append(parent, blk)
		n := w.node()
		n.give(parent...)
		s := w.greet(n, w.host(), withBlocks(parent))
		go s.serve(all, nil)
		w.must(s.Send(&wire.Headers{Headers: []pow.Header{blk.Header}}))
		time.Sleep(time.Hour - time.Minute)
		if n.has(blk) {
			t.Fatal("taken before its time")
		}
		n.reaches(blk, 2*time.Minute)

		// The same for a whole block, and no more than 16 are kept.
		n.onLoop(func() {
			for i := range 2 * maxFuture {
				h := blk.Header
				h.Time += uint32(i) + 10_000
				n.syncer.keepForLater(nil, h, nil)
			}
			if got := len(n.syncer.future.blocks); got != maxFuture {
				t.Errorf("%d blocks are kept, want %d", got, maxFuture)
			}
		})
	})
}

// When the time of a header has come and its peer is gone, others have the block. The log
// says that the clock may be wrong.
func TestFutureOfPeerGone(t *testing.T) {
	bubble(t, func(w *world) {
		parent := w.grow(w.builder.Genesis, 3, 0)
		d := w.builder.Draft(lastOf(parent))
		d.Header.Time = uint32(w.clock().Unix()) + w.builder.Params.MaxFuture + 3600
		blk := w.builder.Add(lastOf(parent), d.Seal())
		log := &lines{}
		n := w.node(func(o *Options) { o.Log = log.logger() })
		n.give(parent...)
		go w.greet(n, w.host(), withBlocks(parent)).serve(append(parent, blk), nil)
		s := w.greet(n, w.host(), withBlocks(parent))
		w.must(s.Send(&wire.Headers{Headers: []pow.Header{blk.Header}}))
		time.Sleep(time.Second)
		s.Close(&wire.Bye{Reason: wire.ReasonDuplicate})
		time.Sleep(time.Hour)
		n.reaches(blk, time.Minute)
		if !slices.ContainsFunc(log.take(), func(line string) bool { return strings.Contains(line, "check the clock") }) {
			t.Errorf("log: %q", log.take())
		}
	})
}

// Headers that would never be taken do not use the places of those that wait for their
// time, and the earliest of those have precedence.
func TestFutureFlood(t *testing.T) {
	bubble(t, func(w *world) {
		parent := w.fastBlocks(w.builder.Genesis, 40) // the difficulty has risen
		future := func(ahead time.Duration) *chaintest.Block {
			d := w.builder.Draft(lastOf(parent))
			d.Header.Time = uint32(w.clock().Add(ahead).Unix()) + w.builder.Params.MaxFuture
			return w.builder.Add(lastOf(parent), d.Seal())
		}
		n := w.node()
		n.give(parent...)
		bad, far := w.greet(n, w.host(), withBlocks(parent)), w.greet(n, w.host(), withBlocks(parent))
		go bad.serve(parent, nil)
		go far.serve(parent, nil)
		for i := range uint32(2 * maxFuture) {
			cheap := pow.Header{Version: 1, Prev: parent[30].Hash(), Time: uint32(w.clock().Unix()) + w.builder.Params.MaxFuture + 60 + i, Bits: w.builder.Genesis.Header.Bits}
			chaintest.Mine(&cheap)
			_ = bad.Send(&wire.Headers{Headers: []pow.Header{cheap}}) // the link may have ended
			w.must(far.Send(&wire.Headers{Headers: []pow.Header{future(time.Duration(i+2) * 1000 * time.Hour).Header}}))
		}
		time.Sleep(time.Second)
		blk := future(time.Hour)
		honest := w.greet(n, w.host(), withBlocks(parent))
		go honest.serve(append(parent, blk), nil)
		w.must(honest.Send(&wire.Headers{Headers: []pow.Header{blk.Header}}))
		time.Sleep(time.Hour)
		n.reaches(blk, time.Minute)
	})
}

// An outbound peer that sends nothing of use goes after the third time, an inbound one
// stays.
func TestUseless(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.grow(w.builder.Genesis, 30, 0)
		n := w.node()
		n.give(blocks...)
		in := w.greet(n, w.host(), withBlocks(blocks))
		caller := w.host()
		out := w.greet(n, caller, withBlocks(blocks))
		n.onLoop(func() {
			for _, p := range n.peers {
				if p.addr.Addr() == caller.Addr() {
					p.kind = slots.Full
				}
			}
		})
		for i := range maxUseless {
			d := w.builder.Draft(lastOf(blocks))
			d.Header.Time = uint32(w.clock().Add(time.Duration(w.builder.Params.MaxFuture+3600+uint32(i)) * time.Second).Unix())
			header := d.Seal().Header
			for _, s := range []*stranger{in, out} {
				w.must(s.Send(&wire.Headers{Headers: []pow.Header{header}}))
			}
			time.Sleep(time.Second)
		}
		g, _ := n.goneFrom(caller.Addr())
		if got := n.Status(); g.Reason != string(wire.ReasonUseless) || len(got.Connected) != 1 || got.Discouraged != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// What new outbound peers claim keeps a node from mining only soon after its start: else
// anyone whom it calls now and then could do that, by a number in the hello.
func TestClaimsKeepFromMining(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.grow(w.builder.Genesis, 3, 0)
		n := w.node()
		n.give(blocks...)
		claim := func() {
			go w.greet(n, w.host(), func(h *wire.Hello) { h.Height, h.Work = 1e6, pow.Work{0, 1} }).serve(nil, func(wire.Message) wire.Message { return nil })
			n.asFull()
			time.Sleep(2 * time.Second)
		}
		if claim(); !n.CatchingUp() {
			t.Error("it does not wait for what the first peers have")
		}
		time.Sleep(claimsCount)
		if claim(); n.CatchingUp() {
			t.Error("a claim keeps it from mining")
		}
	})
}

// Blocks that this version cannot judge cost nobody the connection. Three of two peers
// are a warning.
func TestUnknownRules(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		n.onLoop(func() {
			for i := range byte(3) {
				if n.syncer.unknown.warned {
					t.Errorf("warned after %d blocks", i)
				}
				n.syncer.unknown.note(n.Server, slots.ID(1+i%2), pow.Hash{i}, reject.UnknownType)
			}
			if !n.syncer.unknown.warned {
				t.Error("no warning after three blocks of two peers")
			}
		})
	})
}

// Peers that call cannot cause that warning, if this node has called others.
func TestUnknownRulesOfCallers(t *testing.T) {
	bubble(t, func(w *world) {
		other := w.node()
		n := w.node(peersOf(other))
		for range 3 {
			w.greet(n, w.host())
		}
		n.onLoop(func() {
			for _, isOutbound := range []bool{false, true} {
				for id, p := range n.peers {
					for i := range byte(3) {
						if p.isOutbound() == isOutbound {
							n.syncer.unknown.note(n.Server, id, pow.Hash{i}, reject.UnknownType)
						}
					}
				}
				if got := len(n.syncer.unknown.blocks); got > 0 != isOutbound {
					t.Errorf("%d blocks count; of called peers: %v", got, isOutbound)
				}
			}
		})
	})
}

// Headers whose blocks nobody gives are forgotten, and the node follows the next best
// branch.
func TestWithheldBranch(t *testing.T) {
	bubble(t, func(w *world) {
		common := w.grow(w.builder.Genesis, 10, 0)
		honest := w.grow(lastOf(common), 20, 0)
		withheld := w.grow(lastOf(common), 40, 0)
		n := w.node()
		n.give(common...)
		go w.greet(n, w.host(), withBlocks(withheld)).serve(append(common[:10:10], withheld...), func(m wire.Message) wire.Message {
			if m.Kind() == wire.KindBlock {
				return nil
			}
			return m
		})
		w.waitFor(time.Minute, "the headers", func() bool { return n.chain.BestHeader().Height == 50 })
		if time.Sleep(time.Second); !n.CatchingUp() {
			t.Error("it does not catch up with a branch that is far ahead")
		}
		time.Sleep(maxStarved + minShun/2)
		if got := n.chain.BestHeader().Height; got != 10 || n.CatchingUp() {
			t.Errorf("the best header is at %d; catching up: %v", got, n.CatchingUp())
		}
		all := append(common[:10:10], honest...)
		go w.greet(n, w.host(), withBlocks(all)).serve(all, nil)
		n.reaches(lastOf(honest), time.Minute)
	})
}
