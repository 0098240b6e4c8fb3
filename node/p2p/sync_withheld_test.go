package p2p

import (
	"bytes"
	"sync/atomic"
	"testing"
	"time"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/p2p/wire"
	"stele/node/query"
)

// withhold is an edit for [stranger.serve]: some bodies are not sent.
func withhold(blocks ...*chaintest.Block) func(wire.Message) wire.Message {
	return func(m wire.Message) wire.Message {
		if m, ok := m.(*wire.Block); ok {
			for _, b := range blocks {
				if bytes.Equal(m.Raw[:pow.HeaderSize], b.Encode()[:pow.HeaderSize]) {
					return nil
				}
			}
		}
		return m
	}
}

// A branch is forgotten too if all its bodies come but the first one, and what others
// claim to have is not.
func TestWithheldFirstBody(t *testing.T) {
	bubble(t, func(w *world) {
		common := w.grow(w.builder.Genesis, 10, 0)
		honest := append(common[:10:10], w.grow(lastOf(common), 3, 0)...)
		withheld := append(common[:10:10], w.grow(lastOf(common), 5, 0)...)
		n := w.node()
		n.give(common...)
		go w.greet(n, w.host(), withBlocks(withheld)).serve(withheld, withhold(withheld[10]))
		w.waitFor(time.Minute, "the headers", func() bool { return n.chain.BestHeader().Height == 15 })
		go w.greet(n, w.host(), withBlocks(honest)).serve(honest, nil)
		time.Sleep(maxStarved)
		n.reaches(lastOf(honest), 2*minRestart)
	})
}

// A branch that was forgotten does not come back at once and stand in the way of others
// again. If its bodies come at last, the node follows it.
func TestWithheldAgain(t *testing.T) {
	bubble(t, func(w *world) {
		common := w.grow(w.builder.Genesis, 10, 0)
		withheld := append(common[:10:10], w.grow(lastOf(common), 40, 0)...)
		n := w.node()
		n.give(common...)
		s := w.greet(n, w.host(), withBlocks(withheld))
		go s.serve(withheld, withhold(withheld[10:]...))
		w.waitFor(time.Minute, "the headers", func() bool { return n.chain.BestHeader().Height == 50 })
		var inTheWay time.Duration
		begin, end := time.Now(), time.Hour
		for ; time.Since(begin) < end; time.Sleep(time.Second) {
			if int(time.Since(begin).Seconds())%10 == 0 { // the peer insists
				w.must(s.Send(&wire.Headers{Headers: headersOf(withheld[10:11])}))
			}
			if n.chain.BestHeader().Height > 10 {
				inTheWay += time.Second
			}
		}
		t.Logf("the branch was the best for %v of %v", inTheWay, end)
		if inTheWay > maxStarved+5*time.Minute {
			t.Errorf("the branch was the best for %v of %v", inTheWay, end)
		}
		go w.greet(n, w.host(), withBlocks(withheld)).serve(withheld, nil)
		time.Sleep(2 * maxShun)
		n.reaches(lastOf(withheld), time.Second)
	})
}

// Headers of a peer that is gone stop no node that has followed the chain until now.
func TestHeadersOfNobody(t *testing.T) {
	bubble(t, func(w *world) {
		var common []*chaintest.Block
		for parent := w.builder.Genesis; len(common) < 60; {
			d := w.builder.Draft(parent)
			d.Header.Time = uint32(w.clock().Add(time.Duration(len(common)-100) * time.Minute).Unix())
			parent = w.builder.Add(parent, d.Seal())
			common = append(common, parent)
		}
		withheld := append(common[:60:60], w.grow(lastOf(common), 40, 0)...)
		n := w.node()
		n.give(common...)
		go w.greet(n, w.host(), withBlocks(common)).serve(common, nil)
		s := w.greet(n, w.host(), withBlocks(withheld))
		go s.serve(withheld, withhold(withheld[60:]...))
		w.waitFor(time.Minute, "the headers", func() bool { return n.chain.BestHeader().Height == 100 })
		s.Close(&wire.Bye{Reason: wire.ReasonDuplicate})
		time.Sleep(maxStarved + minShun/2)
		if n.CatchingUp() {
			t.Errorf("%+v", n.Status().Sync)
		}
	})
}

// If no peer has the blocks that a new node needs, since all of them prune, the node
// says so, and mines nothing on a chain of its own.
func TestAllPrune(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.grow(w.builder.Genesis, 400, 0)
		n := w.node()
		prunes := func(h *wire.Hello) { h.Services = wire.ServesRecentBlocks }
		for range 3 {
			go w.greet(n, w.host(), withBlocks(blocks), prunes).serve(blocks, nil)
		}
		time.Sleep(3 * maxStarved)
		got := n.Status().Sync
		if got.State != query.SyncBlocks || !got.Unavailable || !n.CatchingUp() || got.Target != 400 {
			t.Errorf("%+v", got)
		}
		n.asFull()
		time.Sleep(3*replaceEvery + time.Second)
		if got := n.Status(); len(got.Gone) != 3 || got.Gone[0].Reason != string(wire.ReasonPruned) {
			t.Errorf("gone: %+v", got.Gone)
		}
		go w.greet(n, w.host(), withBlocks(blocks)).serve(blocks, nil)
		n.reaches(lastOf(blocks), time.Minute)
		if got := n.Status().Sync; got.Unavailable {
			t.Errorf("%+v", got)
		}
	})
}

// A branch that a pruned node can no longer follow, as it was downloaded too late, is
// forgotten, and not downloaded again and again.
func TestBranchTooLate(t *testing.T) {
	bubble(t, func(w *world) {
		stem := w.grow(w.builder.Genesis, 20, 0)
		main := w.grow(lastOf(stem), chain.MinKeep, 0)
		branch := w.grow(lastOf(stem), chain.MinKeep+50, 0)
		n := w.node()
		n.stop()
		n.keep = chain.MinKeep
		n.start()
		n.give(append(stem, main[:chain.MinKeep-1]...)...)
		gate := make(chan struct{})
		var sent atomic.Int64
		all := append(stem[:20:20], branch...)
		go w.greet(n, w.host(), withBlocks(all)).serve(all, func(m wire.Message) wire.Message {
			if m.Kind() == wire.KindBlock {
				<-gate
				sent.Add(1)
			}
			return m
		})
		w.waitFor(time.Minute, "the headers", func() bool { return n.chain.BestHeader().Hash == lastOf(branch).Hash() })
		n.give(main[chain.MinKeep-1], w.builder.Extend(lastOf(main)))
		close(gate)
		time.Sleep(30 * time.Second)
		if sent.Load() > int64(2*len(branch)) || n.chain.Trouble() == "" {
			t.Errorf("%d bodies came of a branch with %d; trouble %q", sent.Load(), len(branch), n.chain.Trouble())
		}
		if best := n.chain.BestHeader(); best.Hash != n.chain.Tip().Hash || n.CatchingUp() {
			t.Errorf("the best header is at %d; catching up: %v", best.Height, n.CatchingUp())
		}
	})
}
