package p2p

import (
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/p2p/relay"
	"stele/node/p2p/simnet"
	"stele/node/p2p/wire"
)

// largeNetwork has room for blocks of 4 MB.
var largeNetwork = chaintest.Network(func(p *network.Params) { p.MaxBlockSize = 5 << 20 })

// prepared makes nodes as mesh does, which have blocks, and records that are not relayed
// between them, as they are cut off from each other at first.
func (w *world) prepared(n, links int, blocks []*chaintest.Block, records []*record.Record) []*testNode {
	w.Helper()
	w.net.SetDefault(simnet.Line{Latency: 50 * time.Millisecond})
	var all []*testNode
	ends := 0
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		var peers []*testNode
		for _, k := range r.Perm(i)[:min(i, links)] {
			peers = append(peers, all[k])
			ends += 2
		}
		node := w.node(peersOf(peers...), func(o *Options) {
			for _, other := range all {
				w.net.Cut(o.Transport.(*simnet.Host), other.host)
			}
		})
		node.host.SetRates(10e6/8, 10e6/8)
		node.give(blocks...)
		node.add(records...)
		all = append(all, node)
	}
	w.net.HealAll()
	w.waitFor(time.Minute, "all are connected", func() bool {
		sum := 0
		for _, n := range all {
			sum += len(n.Status().Connected)
		}
		return sum == ends
	})
	time.Sleep(time.Second)
	return all
}

// crowd has money for many accounts. It makes records of the size that records have in
// the mean, 290 bytes.
type crowd struct {
	b      *chaintest.Builder
	blocks []*chaintest.Block // after which they have the money
	frames []record.Record    // the next record of each account
	next   int
}

// crowdRecord is the mean size of the records of a crowd, in bytes.
const crowdRecord = 290

func (w *world) crowd(accounts int) *crowd {
	b := w.builder
	tip := b.Grow(b.Genesis, 6, 0)
	from := b.Frame(tip, b.Funded(tip, 0))
	var keys []record.Key
	var payments []*record.Record
	for range accounts {
		key := record.PublicOf(b.NewKey())
		from.Payload = record.Pay{To: key, Amount: 100 * record.Coin}
		payments = append(payments, b.Sign(from))
		keys = append(keys, key)
		from.Seq++
	}
	tip = b.Extend(tip, payments...)
	c := &crowd{b: b, blocks: tip.Chain()[1:]}
	for _, key := range keys {
		c.frames = append(c.frames, b.Frame(tip, key))
	}
	return c
}

// tip returns the last of the blocks.
func (c *crowd) tip() *chaintest.Block { return lastOf(c.blocks) }

// records returns records of some bytes together, valid after all that were returned
// before.
func (c *crowd) records(size int) (all []*record.Record) {
	for range size / crowdRecord {
		f := &c.frames[c.next%len(c.frames)]
		f.Fee = 10_000
		f.Payload = record.Pay{To: c.frames[0].Key, Amount: 1}
		if c.next%5 < 3 {
			f.Payload = record.RoleGrant{Role: record.Seller, Key: record.PublicOf(c.b.NewKey()), Approvers: c.b.Approvers()}
		}
		all = append(all, c.b.Sign(*f))
		f.Seq++
		c.next++
	}
	return all
}

// times returns how long it takes until each node has a block which one of them gets
// now, ascending.
func (w *world) times(miner *testNode, nodes []*testNode, b *chaintest.Block) (times []time.Duration) {
	w.Helper()
	start := time.Now()
	miner.give(b)
	nodes = slices.Clone(nodes)
	for len(nodes) > 0 {
		nodes = slices.DeleteFunc(nodes, func(n *testNode) bool {
			if n.has(b) {
				times = append(times, time.Since(start))
			}
			return n.has(b)
		})
		if time.Since(start) > time.Minute {
			w.Fatalf("%d nodes do not have the block after a minute", len(nodes))
		}
		time.Sleep(time.Millisecond)
	}
	return times
}

// reachesAll checks how long a block of some bytes takes to reach all of 20 nodes, and
// then, if lacking is above 0, another one of which only the miner has so many bytes.
func reachesAll(t *testing.T, size, lacking int, limits ...time.Duration) {
	bubbleOf(t, largeNetwork, func(w *world) {
		c := w.crowd(200)
		records := c.records(len(limits) * size)
		n := len(records) / len(limits)
		nodes := w.prepared(20, 4, c.blocks, records[:len(records)-lacking/crowdRecord])
		tip := c.tip()
		for i, limit := range limits {
			tip = w.builder.Extend(tip, records[i*n:(i+1)*n]...)
			times := w.times(nodes[7+i], nodes, tip)
			t.Logf("%d bytes, %d records: %v", tip.Size(), n, times)
			if worst := times[len(times)-1]; worst > limit {
				t.Errorf("the last node has the block after %v, want %v", worst, limit)
			}
		}
		for _, n := range nodes {
			if full := n.Status().Counts.Rebuilds["full"]; full > 0 {
				t.Errorf("node %v got a block whole", n.host.Addr())
			}
		}
	})
}

// A block reaches all nodes in the times that are promised, also if records of it are
// missing everywhere. Whole, it would need seconds for its size alone. STELE_LONG=1 runs
// the sizes that the times are promised for.
func TestBlockReachesAll(t *testing.T) {
	if os.Getenv("STELE_LONG") == "" {
		reachesAll(t, 250_000, 10_000, 400*time.Millisecond, 700*time.Millisecond)
		return
	}
	reachesAll(t, 1_000_000, 30_000, 500*time.Millisecond, time.Second)
	reachesAll(t, 4_000_000, 0, 1500*time.Millisecond)
}

// compactOf returns the compact form of a block, with the coinbase alone prefilled.
func compactOf(b *block.Block) *wire.Compact { return relay.NewCompact(b, 1, nil) }

// A peer hears of a new tip as it has asked to: by its header, or by the block in
// compact form. Of several new blocks it gets the headers. It gets nothing that it has.
func TestAnnouncements(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.grow(w.builder.Genesis, 8, 0)
		n := w.node()
		n.give(blocks[0])
		first := w.greet(n, w.host(), withBlocks(blocks[:1]))
		pushers := []*stranger{first}
		for range 3 { // so that a block is not pushed to those who have not asked
			s := w.greet(n, w.host(), withBlocks(blocks[:1]))
			w.must(s.Send(&wire.Announce{Push: true}))
			pushers = append(pushers, s)
		}
		w.must(first.Send(&wire.Announce{Push: true}))
		other := w.greet(n, w.host(), withBlocks(blocks[:1]))
		time.Sleep(time.Second)

		n.give(blocks[1])
		for i, s := range pushers {
			if got := s.wants(wire.KindCompact).(*wire.Compact); got.Header != blocks[1].Header {
				t.Errorf("stranger %d got another block", i)
			}
		}
		wantHeaders(t, other, blocks[1:2])

		w.must(first.Send(&wire.Headers{Headers: headersOf(blocks[2:3])})) // it has this one
		time.Sleep(time.Second)
		n.give(blocks[2:6]...) // the loop may see them at once or one by one
		wantHeaders(t, other, blocks[2:6])
		w.must(first.Send(&wire.GetCompact{Hash: blocks[5].Hash()}))
		for {
			got := first.wants(wire.KindCompact).(*wire.Compact)
			if got.Header == blocks[2].Header {
				t.Fatal("the first stranger got a block that it has announced")
			}
			if got.Header == blocks[5].Header {
				break
			}
		}
	})
}

// wantHeaders checks that a stranger gets the headers of blocks, in any number of
// messages.
func wantHeaders(t *testing.T, s *stranger, blocks []*chaintest.Block) {
	t.Helper()
	for want := headersOf(blocks); len(want) > 0; {
		got := s.wants(wire.KindHeaders).(*wire.Headers).Headers
		if len(got) == 0 || len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
			t.Fatalf("got %d headers, want those of the next %d blocks", len(got), len(want))
		}
		want = want[len(got):]
	}
}

// A node that was catching up announces its tip at the end, so that those behind it
// follow.
func TestTipAfterCatchUp(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.grow(w.builder.Genesis, 80, 0)
		middle := w.node()
		middle.give(blocks[:10]...)
		last := w.node(peersOf(middle))
		last.give(blocks[:10]...)
		time.Sleep(10 * time.Second)
		first := w.node()
		first.give(blocks...)
		first.stop()
		peersOf(middle)(&first.options)
		first.start()
		middle.reaches(blocks[79], 10*time.Second)
		last.reaches(blocks[79], 10*time.Second)
	})
}

// A node that is catching up announces nothing; when it is no longer, it announces its
// tip, also if it has given up.
func TestQuietWhileCatchingUp(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.grow(w.builder.Genesis, 80, 0)
		n := w.node()
		n.give(blocks[:10]...)
		other := w.greet(n, w.host(), withBlocks(blocks[:10]))
		withholds := w.greet(n, w.host(), withBlocks(blocks))
		go withholds.serve(blocks, func(m wire.Message) wire.Message {
			if m.Kind() == wire.KindBlock {
				return nil
			}
			return m
		})
		w.waitFor(5*time.Second, "the node is catching up", n.CatchingUp)
		n.give(blocks[10])
		timeout := time.After(10 * time.Minute)
		for {
			select {
			case m := <-other.got:
				switch m := m.(type) {
				case *wire.Ping:
					w.must(other.Send(&wire.Pong{Nonce: m.Nonce}))
				case *wire.Compact:
					if m.Header != blocks[10].Header || n.CatchingUp() {
						t.Errorf("got a compact block; the node is catching up: %v", n.CatchingUp())
					}
					return
				}
			case <-timeout:
				t.Fatal("the tip is never announced")
			}
		}
	})
}

// A node serves the compact form of a block near the tip, and the records of one that
// it has at hand, or in the store.
func TestServeCompact(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.grow(w.builder.Genesis, 12, 5)
		n := w.node()
		n.give(blocks...)
		s := w.greet(n, w.host(), withBlocks(blocks))
		for _, b := range []*chaintest.Block{blocks[3], blocks[11]} {
			w.must(s.Send(&wire.GetCompact{Hash: b.Hash()}))
			got := s.wants(wire.KindCompact).(*wire.Compact)
			if got.Header != b.Header || got.Count() != len(b.Records) {
				t.Fatalf("height %d: another block", b.Height())
			}
		}
		for _, b := range []*chaintest.Block{blocks[4], blocks[11]} { // from the store, and at hand
			w.must(s.Send(&wire.GetParts{Block: b.Hash(), Indices: []uint32{1, 3}}))
			got := s.wants(wire.KindParts).(*wire.Parts)
			want := [][]byte{b.Records[1].Encode(), b.Records[3].Encode()}
			if got.Block != b.Hash() || !slices.EqualFunc(got.Records, want, slices.Equal) {
				t.Errorf("height %d: other records", b.Height())
			}
		}
		for _, m := range []wire.Message{
			&wire.GetCompact{Hash: blocks[2].Hash()}, // too deep
			&wire.GetCompact{Hash: pow.Hash{1}},
			&wire.GetParts{Block: blocks[2].Hash(), Indices: []uint32{0}},
			&wire.GetParts{Block: blocks[5].Hash(), Indices: []uint32{6}}, // it has none of this index
		} {
			w.must(s.Send(m))
			if got := s.wants(wire.KindAbsent).(*wire.Absent); got.Request != m.Kind() {
				t.Errorf("absent for a %s, want %s", got.Request, m.Kind())
			}
		}
		w.must(s.Send(&wire.GetParts{Block: blocks[11].Hash(), Indices: []uint32{6}}))
		s.wantsBye(wire.ReasonProtocol)
	})
}
