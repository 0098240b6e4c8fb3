package p2p

import (
	"slices"
	"testing"
	"time"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/p2p/relay"
	"stele/node/p2p/wire"
)

// compactWorld has a node with some blocks, and records of which it has pooled all but
// the last ones.
type compactWorld struct {
	*world
	c       *crowd
	n       *testNode
	blocks  []*chaintest.Block
	records []*record.Record
	next    *chaintest.Block // on the last block, with all of the records
}

func compactBubble(t *testing.T, lacking int, test func(*compactWorld)) {
	t.Helper()
	bubble(t, func(w *world) {
		c := w.crowd(20)
		cw := &compactWorld{world: w, c: c, n: w.node(), blocks: c.blocks, records: c.records(30 * crowdRecord)}
		cw.n.give(c.blocks...)
		cw.n.add(cw.records[:len(cw.records)-lacking]...)
		cw.next = w.builder.Extend(c.tip(), cw.records...)
		test(cw)
	})
}

// stranger connects to the node, with the same blocks.
func (w *compactWorld) stranger() *stranger {
	return w.greet(w.n, w.host(), withBlocks(w.blocks))
}

// answerParts answers a request for parts of a block.
func (s *stranger) answerParts(b *chaintest.Block) {
	s.w.Helper()
	ask := s.wants(wire.KindGetParts).(*wire.GetParts)
	parts := &wire.Parts{Block: ask.Block}
	for _, i := range ask.Indices {
		parts.Records = append(parts.Records, b.Records[i].Encode())
	}
	s.w.must(s.Send(parts))
}

// What a peer pushes is rebuilt from the pool, with parts where records are missing,
// and is connected.
func TestPushedBlock(t *testing.T) {
	for _, lacking := range []int{0, 3, 20} {
		compactBubble(t, lacking, func(w *compactWorld) {
			s := w.stranger()
			w.must(s.Send(compactOf(w.next.Block)))
			want := "whole"
			switch lacking {
			case 3:
				want = "parts"
				s.answerParts(w.next)
			case 20: // more than a third
				want = "full"
				s.wants(wire.KindGetBlocks)
				w.must(s.Send(&wire.Block{Raw: w.next.Encode()}))
			}
			w.n.reaches(w.next, time.Second)
			status := w.n.Status()
			if status.Counts.Rebuilds[want] != 1 || len(status.Counts.Rebuilds) != 1 || len(status.Connected) != 1 {
				t.Errorf("%d missing: %+v, want one %s", lacking, status.Counts.Rebuilds, want)
			}
			if gave := status.Connected[0].Blocks; gave != 1 {
				t.Errorf("%d missing: the peer gave %d blocks first", lacking, gave)
			}
		})
	}
}

// A peer that sends parts with other short ids than it has promised is avoided.
func TestFalseParts(t *testing.T) {
	compactBubble(t, 2, func(w *compactWorld) {
		s := w.stranger()
		w.must(s.Send(compactOf(w.next.Block)))
		ask := s.wants(wire.KindGetParts).(*wire.GetParts)
		w.must(s.Send(&wire.Parts{Block: ask.Block, Records: [][]byte{w.records[0].Encode(), w.records[1].Encode()}}))
		s.wantsBye(wire.ReasonProtocol)
		if d := w.n.Status().Discouraged; d != 1 {
			t.Errorf("%d discouraged, want 1", d)
		}
	})
}

// Short ids that stand for nothing cost the time until a second peer is asked, and a
// peer that withholds parts is dropped.
func TestWithheldParts(t *testing.T) {
	for name, spoil := range map[string]func(*wire.Compact){
		"parts are withheld":       func(*wire.Compact) {},
		"false short ids":          func(m *wire.Compact) { m.IDs[3], m.IDs[4] = 1, 2 },
		"false short ids only":     func(m *wire.Compact) { m.IDs = slices.Repeat([]wire.ShortID{7}, len(m.IDs)) },
		"short ids of other recs.": func(m *wire.Compact) { m.IDs[3], m.IDs[4] = m.IDs[4], m.IDs[3] },
	} {
		t.Run(name, func(t *testing.T) {
			compactBubble(t, 1, func(w *compactWorld) {
				bad, good := w.stranger(), w.stranger()
				m := compactOf(w.next.Block)
				spoil(m)
				w.must(bad.Send(m))
				time.Sleep(100 * time.Millisecond)
				w.must(good.Send(compactOf(w.next.Block)))
				start := time.Now()
				good.answerParts(w.next)
				w.n.reaches(w.next, time.Second)
				if took := time.Since(start); took > 2100*time.Millisecond {
					t.Errorf("the block is connected after %v", took)
				}
				if name == "parts are withheld" {
					bad.wantsBye(wire.ReasonLate)
				}
				if d := w.n.Status().Discouraged; d != 0 {
					t.Errorf("%d discouraged, want none", d)
				}
			})
		})
	}
}

// If the records with the right short ids are not those of the header, the block is
// fetched whole, and nobody is blamed.
func TestCollision(t *testing.T) {
	compactBubble(t, 0, func(w *compactWorld) {
		s := w.stranger()
		m := compactOf(w.next.Block)
		m.IDs[0], m.IDs[1] = m.IDs[1], m.IDs[0] // as if each had the id of the other
		w.must(s.Send(m))
		ask := s.wants(wire.KindGetBlocks).(*wire.GetBlocks)
		if ask.Hashes[0] != w.next.Hash() {
			t.Fatalf("asked for %v", ask.Hashes)
		}
		w.must(s.Send(&wire.Block{Raw: w.next.Encode()}))
		w.n.reaches(w.next, time.Second)
		if got := w.n.Status(); got.Counts.Rebuilds["failed"] != 1 || len(got.Connected) != 1 {
			t.Errorf("%+v", got)
		}
	})
}

// A block that breaks a rule of the ledger is pushed on before that is known, and is
// not held against who pushes it; but against who announces it by its header, and so
// says that it has connected it.
func TestInvalidCompact(t *testing.T) {
	compactBubble(t, 0, func(w *compactWorld) {
		d := w.builder.Draft(lastOf(w.blocks), w.records...)
		d.Reward.Value++
		invalid := d.Seal()
		next := w.node(peersOf(w.n))
		next.give(w.blocks...)
		next.add(w.records...)
		w.waitFor(time.Minute, "the nodes are connected", func() bool { return len(next.Status().Connected) == 1 })
		time.Sleep(time.Second)

		s := w.stranger()
		w.must(s.Send(compactOf(invalid)))
		w.waitFor(time.Second, "it is pushed on", func() bool { return next.Status().Counts.Rebuilds["whole"] == 1 })
		time.Sleep(time.Second)
		for _, n := range []*testNode{w.n, next} {
			h, ok := n.chain.Header(invalid.Hash())
			if !ok || !h.Invalid || n.Status().Discouraged > 0 || len(n.Status().Gone) > 0 {
				t.Errorf("node %v: invalid %v; %+v", n.host.Addr(), h.Invalid, n.Status())
			}
		}

		d.Reward.Value++
		invalid = d.Seal()
		w.must(s.Send(&wire.Headers{Headers: []pow.Header{invalid.Header}}))
		s.wants(wire.KindGetCompact)
		w.must(s.Send(compactOf(invalid)))
		s.wantsBye(wire.Reason(reject.CoinbaseValue))
	})
}

// A block with a bad signature is not pushed on, and who pushes it is avoided: it could
// have known.
func TestCompactBadSignature(t *testing.T) {
	compactBubble(t, 1, func(w *compactWorld) {
		next := w.node(peersOf(w.n))
		next.give(w.blocks...)
		w.waitFor(time.Minute, "the nodes are connected", func() bool { return len(next.Status().Connected) == 1 })
		time.Sleep(time.Second)
		bad := *w.records[len(w.records)-1]
		bad.Signatures = slices.Clone(bad.Signatures)
		bad.Signatures[0][9] ^= 1
		w.records[len(w.records)-1] = record.New(bad)
		invalid := w.builder.Draft(lastOf(w.blocks), w.records...).Seal()
		s := w.stranger()
		w.must(s.Send(relay.NewCompact(invalid, 1, []uint32{uint32(len(w.records))})))
		s.wantsBye(wire.Reason(reject.BadSignature))
		time.Sleep(time.Second)
		if n := len(next.Status().Counts.Rebuilds); n > 0 || w.n.Status().Discouraged != 1 {
			t.Errorf("the next node has rebuilt %d blocks; %+v", n, w.n.Status())
		}
	})
}

// However many peers push forms of one block that lead to nothing, few are kept, and
// they do not delay the form of a peer that has given a block before.
func TestFloodOfCompacts(t *testing.T) {
	compactBubble(t, 0, func(w *compactWorld) {
		good := w.stranger()
		w.must(good.Send(compactOf(w.next.Block)))
		w.n.reaches(w.next, time.Second)
		records := w.c.records(10 * crowdRecord)
		w.n.add(records...)
		next := w.builder.Extend(w.next, records...)
		for i := range 10 {
			s := w.stranger()
			m := relay.NewCompact(next.Block, uint64(i), nil)
			m.IDs[0] = 1
			for range 5 {
				w.must(s.Send(m))
			}
		}
		time.Sleep(100 * time.Millisecond)
		w.n.onLoop(func() {
			if n := len(w.n.compact.forms); n == 0 || n > relay.MaxRebuildsOfBlock {
				t.Errorf("%d compact forms are kept", n)
			}
		})
		w.must(good.Send(compactOf(next.Block)))
		w.n.reaches(next, 100*time.Millisecond)
		w.n.onLoop(func() {
			if n := len(w.n.compact.forms); n > 0 {
				t.Errorf("%d compact forms are kept for a block that is connected", n)
			}
		})
	})
}

// A compact block with a wrong header is a fault only if the header shows it by itself.
func TestCompactHeaders(t *testing.T) {
	for _, test := range []struct {
		name string
		edit func(*compactWorld, *chaintest.Draft)
		ask  wire.Kind   // that the node sends
		bye  wire.Reason // or the reason for which it ends the connection
	}{
		{"an unknown parent", func(_ *compactWorld, d *chaintest.Draft) { d.Header.Prev[5] ^= 1 }, wire.KindGetHeaders, ""},
		{"an old time", func(w *compactWorld, d *chaintest.Draft) { d.Header.Time = w.blocks[0].Header.Time }, 0, wire.Reason(reject.TimeTooOld)},
		{"other bits", func(_ *compactWorld, d *chaintest.Draft) { d.Header.Bits-- }, 0, wire.Reason(reject.BadBits)},
		{"a time in the future", func(w *compactWorld, d *chaintest.Draft) {
			d.Header.Time = uint32(w.clock().Unix()) + 3*3600
		}, 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			compactBubble(t, 0, func(w *compactWorld) {
				s := w.stranger()
				d := w.builder.Draft(lastOf(w.blocks), w.records...)
				test.edit(w, d)
				w.must(s.Send(compactOf(d.Seal())))
				switch {
				case test.ask != 0:
					s.wants(test.ask)
				case test.bye != "":
					s.wantsBye(test.bye)
				default:
					time.Sleep(time.Second)
					if len(w.n.Status().Connected) != 1 {
						t.Errorf("%+v", w.n.Status().Gone)
					}
				}
				w.n.onLoop(func() {
					if n := len(w.n.compact.forms); n > 0 {
						t.Errorf("%d compact forms are kept", n)
					}
				})
			})
		})
	}
}

// However many requests for a compact form come at a time, the block is read once.
func TestFloodOfRequestsForCompacts(t *testing.T) {
	compactBubble(t, 0, func(w *compactWorld) {
		made := map[*wire.Compact]int{}
		w.n.onLoop(func() {
			for range 10 {
				for _, b := range w.blocks[:3] {
					w.n.compact.serve(b.Hash(), func(m *wire.Compact) { made[m]++ })
				}
			}
		})
		time.Sleep(time.Second)
		w.n.onLoop(func() {
			if len(made) != 3 || len(w.n.compact.encoding) > 0 {
				t.Errorf("%d forms were made of 3 blocks", len(made))
			}
			for _, n := range made {
				if n != 10 {
					t.Errorf("%d requests of 10 were answered", n)
				}
			}
		})
	})
}
