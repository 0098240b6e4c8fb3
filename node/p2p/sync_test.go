package p2p

import (
	"testing"
	"time"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/p2p/wire"
	"stele/node/query"
)

// grow returns n new blocks on parent, each with a number of records.
func (w *world) grow(parent *chaintest.Block, n, records int) (all []*chaintest.Block) {
	for range n {
		parent = w.builder.Extend(parent, w.builder.Records(parent, records)...)
		all = append(all, parent)
	}
	return all
}

func lastOf(all []*chaintest.Block) *chaintest.Block { return all[len(all)-1] }

// reaches waits until a block is the tip of a node, and returns how long that took.
func (n *testNode) reaches(b *chaintest.Block, within time.Duration) time.Duration {
	n.w.Helper()
	start := time.Now()
	for !n.has(b) {
		if time.Since(start) > within {
			n.w.Fatalf("node %v is at height %d after %v, want %v at %d; %+v",
				n.host.Addr(), n.chain.Tip().Height, within, b.Hash(), b.Height(), n.Status())
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(start)
}

// withBlocks is an edit of the hello of a stranger that claims to have blocks.
func withBlocks(blocks []*chaintest.Block) func(*wire.Hello) {
	last := lastOf(blocks)
	return func(h *wire.Hello) { h.Height, h.Tip, h.Work = last.Height(), last.Hash(), last.Work() }
}

func headersOf(blocks []*chaintest.Block) (headers []pow.Header) {
	for _, b := range blocks {
		headers = append(headers, b.Header)
	}
	return headers
}

// serve has a stranger serve blocks as a node does, but for what edit does to a
// message; if that returns nil, nothing is sent. It returns at the end of the link.
func (s *stranger) serve(blocks []*chaintest.Block, edit func(wire.Message) wire.Message) {
	byHash := map[pow.Hash]*chaintest.Block{}
	for _, b := range blocks {
		byHash[b.Hash()] = b
	}
	for m := range s.got {
		var answers []wire.Message
		switch m := m.(type) {
		case *wire.Ping:
			answers = append(answers, &wire.Pong{Nonce: m.Nonce})
		case *wire.GetHeaders:
			answers = append(answers, &wire.Headers{Headers: after(blocks, m.Locator)})
		case *wire.GetBlocks:
			for _, hash := range m.Hashes {
				if b := byHash[hash]; b != nil {
					answers = append(answers, &wire.Block{Raw: b.Encode()})
				} else {
					answers = append(answers, absentBlock(hash, wire.CauseUnknown))
				}
			}
		}
		for _, a := range answers {
			if edit != nil {
				a = edit(a)
			}
			if a != nil {
				_ = s.Send(a) // the link may have ended
			}
		}
	}
}

// after returns the headers of blocks after the first of a locator, as many as fit.
func after(blocks []*chaintest.Block, locator []pow.Hash) []pow.Header {
	heights := map[pow.Hash]int{}
	for i, b := range blocks {
		heights[b.Hash()] = i + 1
	}
	from := 0
	for _, hash := range locator {
		if i, ok := heights[hash]; ok {
			from = i
			break
		}
	}
	return headersOf(blocks[from:min(len(blocks), from+wire.MaxHeaders)])
}

// A new node gets 300 blocks from three peers.
func TestSync(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.grow(w.builder.Genesis, 300, 2)
		var full []*testNode
		for range 3 {
			n := w.node()
			n.give(blocks...)
			full = append(full, n)
		}
		n := w.node(peersOf(full...))
		t.Logf("took %v", n.reaches(lastOf(blocks), time.Minute))
		time.Sleep(5 * time.Second)
		got := n.Status()
		if got.Sync.State != query.SyncDone || got.Sync.Height != 300 || got.Sync.Target != 300 || n.CatchingUp() {
			t.Errorf("%+v", got.Sync)
		}
		for _, p := range got.Connected {
			if p.Blocks == 0 || p.Height != 300 {
				t.Errorf("peer %s at height %d gave %d blocks", p.Address, p.Height, p.Blocks)
			}
		}
		if in := got.Counts.MessagesIn["block"]; in != 300 {
			t.Errorf("%d bodies came, want each of the 300 once", in)
		}
	})
}
