package p2p

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/p2p/headersync"
	"stele/node/p2p/wire"
	"stele/node/query"
	"stele/node/store"
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
		case *wire.GetCompact:
			answers = append(answers, noCompact(m))
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

// noCompact returns the answer of a stranger that serves whole blocks only.
func noCompact(m *wire.GetCompact) wire.Message {
	return &wire.Absent{Request: wire.KindGetCompact, Cause: wire.CauseUnknown, Hashes: []pow.Hash{m.Hash}}
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

// fastBlocks returns n new blocks a second apart, so that their difficulty rises.
func (w *world) fastBlocks(parent *chaintest.Block, n int) (all []*chaintest.Block) {
	for range n {
		d := w.builder.Draft(parent)
		d.Header.Time = parent.Header.Time + 1
		parent = w.builder.Add(parent, d.Seal())
		all = append(all, parent)
	}
	return all
}

// cheapHeaders returns n headers on a parent, each a number of seconds after the one
// before, whose blocks do not exist.
func cheapHeaders(parent *chaintest.Block, n int, seconds uint32) []pow.Header {
	all := make([]pow.Header, 0, n)
	last, prev := parent.Header, parent.Hash()
	for range n {
		h := pow.Header{Version: 1, Prev: prev, Time: last.Time + seconds, Bits: last.Bits}
		chaintest.Mine(&h)
		last, prev = h, h.Hash()
		all = append(all, h)
	}
	return all
}

// indexOf returns where the next header is, by the hash of each.
func indexOf(headers []pow.Header) map[pow.Hash]int {
	at := map[pow.Hash]int{}
	for i, h := range headers {
		at[h.Prev] = i
	}
	at[headers[len(headers)-1].Hash()] = len(headers)
	return at
}

// serveHeaders has a stranger serve headers without bodies, and counts the requests for
// their bodies. It returns at the end of the link.
func (s *stranger) serveHeaders(headers []pow.Header, at map[pow.Hash]int) (asked int) {
	for m := range s.got {
		switch m := m.(type) {
		case *wire.Ping:
			_ = s.Send(&wire.Pong{Nonce: m.Nonce})
		case *wire.GetHeaders:
			from := len(headers)
			for _, hash := range m.Locator {
				if i, ok := at[hash]; ok {
					from = i
					break
				}
			}
			_ = s.Send(&wire.Headers{Headers: headers[from:min(len(headers), from+wire.MaxHeaders)]})
		case *wire.GetBlocks:
			for _, hash := range m.Hashes {
				if _, has := at[hash]; has {
					asked++
				}
			}
		}
	}
	return asked
}

// In a first sync the chain with the most work is downloaded, however long another one is.
func TestFirstSync(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.fastBlocks(w.builder.Genesis, 80)
		honest := w.node()
		honest.give(blocks...)
		n := w.node(peersOf(honest))
		s := w.greet(n, w.host(), func(h *wire.Hello) { h.Height, h.Work = 1e6, pow.Work{0, 1} })
		cheap := cheapHeaders(w.builder.Genesis, 4100, 64)
		asked := make(chan int, 1)
		go func() { asked <- s.serveHeaders(cheap, indexOf(cheap)) }()
		n.reaches(lastOf(blocks), time.Minute)
		time.Sleep(time.Minute)
		if _, has := n.chain.Header(cheap[0].Hash()); has {
			t.Error("a header of the chain with less work was added")
		}
		if n.CatchingUp() {
			t.Error("it is still catching up")
		}
		n.stop()
		if k := <-asked; k > 0 {
			t.Errorf("%d requests for bodies of the chain with less work", k)
		}
	})
}

// A million headers with too little work cost the node nothing that lasts. The ordinary
// test sends fewer; STELE_LONG=1 sends all.
func TestLowWorkHeaders(t *testing.T) {
	count := 20_000
	if os.Getenv("STELE_LONG") != "" {
		count = 1_000_000
	}
	params := chaintest.Network(func(p *network.Params) {
		p.Pow.NoRetarget = true
		p.MinWork = pow.Work{0, 1}
	})
	bubbleOf(t, params, func(w *world) {
		cheap := cheapHeaders(w.builder.Genesis, count, 1)
		n := w.node()
		at := indexOf(cheap)
		before := heap()
		spent := cpu()
		s := w.greet(n, w.host(), func(h *wire.Hello) { h.Height, h.Work = uint32(count), pow.Work{0, 0, 1} })
		asked := make(chan int, 1)
		go func() { asked <- s.serveHeaders(cheap, at) }()
		w.waitFor(time.Hour, "all headers were sent", func() bool {
			isReady := false
			n.onLoop(func() {
				for _, sp := range n.syncer.order {
					isReady = isReady || sp.headers.State() == headersync.Ready
				}
			})
			return isReady
		})
		spent = cpu() - spent
		grown := int64(heap()) - int64(before)
		t.Logf("%d headers: %v of CPU at both ends, the heap has grown by %d bytes", count, spent, grown)
		if grown > 1<<20 || spent > 3*time.Second {
			t.Error("too much")
		}
		time.Sleep(time.Minute)
		if best := n.chain.BestHeader(); best.Height != 0 {
			t.Errorf("a header at height %d was added", best.Height)
		}
		w.must(n.store.Headers(func(h pow.Header, _ store.Meta) error {
			if _, isCheap := at[h.Prev]; isCheap {
				return errors.New("a header is stored")
			}
			return nil
		}))
		if state := n.Status().Sync.State; state != query.SyncDone || n.CatchingUp() {
			t.Errorf("state %s, catching up: %v", state, n.CatchingUp())
		}
		n.stop()
		if k := <-asked; k > 0 {
			t.Errorf("%d requests for bodies", k)
		}
		runtime.KeepAlive(cheap)
		runtime.KeepAlive(at)
	})
}

// heap returns the bytes that are in use.
func heap() uint64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// cpu returns the time that the processors have spent on this process.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A peer that withholds one body holds nothing up for long, and goes.
func TestWithheldBody(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.grow(w.builder.Genesis, 200, 0)
		n := w.node()
		withhold := func(m wire.Message) wire.Message {
			if m, ok := m.(*wire.Block); ok && bytes.Equal(m.Raw, blocks[0].Encode()) {
				return nil
			}
			return m
		}
		bad := w.host()
		go w.greet(n, bad, withBlocks(blocks)).serve(blocks, withhold)
		for range 2 {
			go w.greet(n, w.host(), withBlocks(blocks)).serve(blocks, nil)
		}
		t.Logf("took %v", n.reaches(lastOf(blocks), 10*time.Second))
		w.waitFor(time.Minute, "the peer that withholds goes", func() bool {
			g, ok := n.goneFrom(bad.Addr())
			return ok && g.Reason == string(wire.ReasonLate)
		})
	})
}

// A peer that sends a body of another block is avoided from then on, and the right one
// comes from another peer.
func TestWrongBody(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.grow(w.builder.Genesis, 60, 3)
		n := w.node()
		s := w.greet(n, w.host(), withBlocks(blocks))
		go func() {
			s.serve(blocks, func(m wire.Message) wire.Message {
				if m, ok := m.(*wire.Block); ok && bytes.Equal(m.Raw, blocks[1].Encode()) {
					return &wire.Block{Raw: append(bytes.Clone(m.Raw[:pow.HeaderSize]), blocks[2].Encode()[pow.HeaderSize:]...)}
				}
				return m
			})
		}()
		w.waitFor(time.Minute, "the peer goes", func() bool { return len(n.Status().Gone) > 0 })
		got := n.Status()
		if got.Gone[0].Reason != string(reject.BadMerkleRoot) || got.Discouraged != 1 {
			t.Errorf("%+v, %d discouraged", got.Gone[0], got.Discouraged)
		}
		go w.greet(n, w.host(), withBlocks(blocks)).serve(blocks, nil)
		n.reaches(lastOf(blocks), time.Minute)
	})
}

// invalidOn returns a block on a parent that only the ledger shows to be invalid.
func (w *world) invalidOn(parent *chaintest.Block) *block.Block {
	d := w.builder.Draft(parent)
	d.Reward.Value += record.Amount(1 + w.builder.Rand.IntN(1000))
	return d.Seal()
}

// A block that breaks a rule of the ledger is held against the peer that answers with
// it, and not against one that pushes it. Neither changes the chain.
func TestInvalidBlock(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.grow(w.builder.Genesis, 30, 0)
		invalid := w.invalidOn(blocks[29])
		n := w.node()
		n.give(blocks...)
		w.greet(n, w.host())
		verdict := make(chan error, 1)
		n.onLoop(func() {
			for _, p := range n.peers {
				n.syncer.submit(p, w.invalidOn(blocks[29]), fromPush, func(_ chain.Outcome, err error) { verdict <- err })
			}
		})
		if reason, _ := reject.Of(<-verdict); reason != reject.CoinbaseValue {
			t.Errorf("pushed: %v", reason)
		}

		s := w.greet(n, w.host(), withBlocks(blocks))
		w.must(s.Send(&wire.Headers{Headers: []pow.Header{invalid.Header}}))
		if ask := s.wants(wire.KindGetBlocks).(*wire.GetBlocks); ask.Hashes[0] != invalid.Hash() {
			t.Errorf("asked for %v", ask.Hashes)
		}
		w.must(s.Send(&wire.Block{Raw: invalid.Encode()}))
		s.wantsBye(wire.Reason(reject.CoinbaseValue))
		if !n.has(blocks[29]) || len(n.Status().Connected) != 1 || n.Status().Discouraged != 1 {
			t.Errorf("height %d; %+v", n.chain.Tip().Height, n.Status())
		}

		again := w.greet(n, w.host(), withBlocks(blocks))
		w.must(again.Send(&wire.Headers{Headers: []pow.Header{invalid.Header}}))
		again.wantsBye(wire.Reason(reject.InvalidBlock))
		if n.Status().Discouraged != 1 {
			t.Errorf("%d discouraged for following an invalid branch once", n.Status().Discouraged)
		}
	})
}

// A peer that lost the race of a first sync, since another had more work, is followed once
// it has the most, also if it pushes its blocks in compact form only.
func TestLoserOfFirstSync(t *testing.T) {
	bubble(t, func(w *world) {
		ours, theirs := w.grow(w.builder.Genesis, 30, 1), w.grow(w.builder.Genesis, 10, 1)
		a, c := w.node(), w.node()
		a.give(ours[:7]...)
		c.give(theirs...)
		n := w.node(peersOf(a, c))
		n.reaches(lastOf(theirs), 10*time.Second)
		a.give(ours[7:25]...) // too many to announce
		for _, b := range ours[25:] {
			a.give(b)
			time.Sleep(3 * time.Second)
		}
		n.reaches(lastOf(ours), 5*time.Second)
		if s := n.Status(); len(s.Gone) != 0 {
			t.Errorf("gone: %+v", s.Gone)
		}
	})
}
