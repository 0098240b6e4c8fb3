package p2p

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"stele/engine/pow"
	"stele/node/chain/corpus"
	"stele/node/ledger/block"
	"stele/node/ledger/reject"
	"stele/node/p2p/simnet"
	"stele/node/p2p/wire"
)

// overWire runs the cases of the corpus on a node, each by a peer of its own that
// announces the header and gives the body when it is asked for it.
type overWire struct {
	*world
	c    *corpus.Corpus
	n    *testNode
	byes map[reject.Reason]int // verdicts that a peer was given
}

// Each block of the corpus gets the same verdict over the wire as in the process.
func TestCorpusOverWire(t *testing.T) {
	c := corpus.Build()
	bubbleOf(t, c.Params, func(w *world) {
		o := &overWire{world: w, c: c, byes: map[reject.Reason]int{}}
		o.setClock()
		o.n = w.node()
		for i, test := range c.Cases {
			if test.Kind == corpus.Block {
				o.run(i, test)
			}
		}
		if tip := o.n.chain.Tip(); tip.Hash != c.Tip.Hash() {
			t.Errorf("the tip is at height %d, want %d", tip.Height, c.Tip.Height())
		}
		all := 0
		for _, k := range o.byes {
			all += k
		}
		t.Logf("%d verdicts over the wire, with %d reasons", all, len(o.byes))
		if all < 300 || len(o.byes) < 120 {
			t.Errorf("only %d verdicts over the wire, with %d reasons: %v", all, len(o.byes), o.byes)
		}
	})
}

// setClock has the clocks of all nodes show the time of the corpus, while they wait.
func (o *overWire) setClock() {
	synctest.Wait()
	o.ahead.Add(int64(o.c.Now.Sub(o.clock())))
}

// hostOf returns one of many addresses in turn, since one may call only so often.
func (o *overWire) hostOf(i int) *simnet.Host {
	return o.net.Host(netip.AddrFrom4([4]byte{10, byte(100 + i%100), byte(i / 100), 1}))
}

func (o *overWire) run(i int, test corpus.Case) {
	o.Helper()
	b, err := block.Decode(test.Bytes, o.c.Params.MaxBlockSize)
	if len(test.Bytes) < pow.HeaderSize {
		return // it cannot be announced
	}
	header, headerErr := pow.DecodeHeader(test.Bytes[:pow.HeaderSize])
	o.must(headerErr)
	o.setClock()
	s := o.greet(o.n, o.hostOf(i), func(h *wire.Hello) { h.Height = 1000 })
	defer func() {
		s.Close(&wire.Bye{Reason: "done"})
		<-s.done
	}()
	o.must(s.Send(&wire.Headers{Headers: []pow.Header{header}}))
	got := s.answer(header.Hash(), test.Bytes)
	switch {
	case got != "":
		o.byes[got]++
		if got != test.Reason {
			o.Errorf("%s: bye %s, want %s", test.Name, got, test.Reason)
		}
	case test.Outcome == corpus.Extended || test.Outcome == corpus.Reorganized:
		if o.n.chain.Tip().Hash != header.Hash() {
			o.Errorf("%s: not the tip", test.Name)
		}
	case err == nil: // of a branch that is not the best, or with a verdict that nobody is to blame for
		o.setClock()
		_, err := o.n.chain.Submit(b)
		if reason, _ := reject.Of(err); reason != test.Reason {
			o.Errorf("%s: %v, want %s", test.Name, err, test.Reason)
		}
	}
	// A header whose body is not the true one would stand in the way of its siblings.
	o.n.onLoop(func() {
		o.n.chain.Forget(header.Hash())
		o.n.syncer.refresh()
	})
}

// answer gives a body to the node when it asks for it, and nothing else. It returns the
// reason if the node ends the connection soon.
func (s *stranger) answer(hash pow.Hash, raw []byte) reject.Reason {
	timeout := time.After(500 * time.Millisecond)
	for {
		select {
		case m, ok := <-s.got:
			if !ok {
				return "closed"
			}
			switch m := m.(type) {
			case *wire.Bye:
				return reject.Reason(m.Reason)
			case *wire.GetCompact:
				_ = s.Send(noCompact(m))
			case *wire.GetBlocks:
				for _, h := range m.Hashes {
					var a wire.Message = &wire.Block{Raw: raw}
					if h != hash {
						a = absentBlock(h, wire.CauseUnknown)
					}
					_ = s.Send(a) // the link may have ended
				}
			}
		case <-timeout:
			return ""
		}
	}
}
