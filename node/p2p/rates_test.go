package p2p

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"stele/engine/pow"
	"stele/node/p2p/wire"
)

// A peer may send a burst, and then so much a second: its messages are read as slowly
// as that. One whose messages would have to wait too long is disconnected.
func TestRates(t *testing.T) {
	for name, test := range map[string]struct {
		message wire.Message
		allowed allowance
		cost    int // of the message
	}{
		"getheaders": {&wire.GetHeaders{Locator: []pow.Hash{{1}}}, allowedGetHeaders, 1},
		"getblocks":  {&wire.GetBlocks{Hashes: make([]pow.Hash, 16)}, allowedBodies, 16},
		"getcompact": {&wire.GetCompact{}, allowedForms, 1},
		"getparts":   {&wire.GetParts{Indices: []uint32{1}}, allowedForms, 1},
		"have":       {&wire.Have{Hashes: make([]pow.Hash, 1000)}, allowedHaves, 1000},
		"records":    {&wire.Records{Records: repeated(make([]byte, 100), 8)}, allowedRecords, 8},
		"addrs":      {&wire.Addrs{Addrs: repeated(wire.Addr{Addr: netip.MustParseAddrPort("1.2.3.4:5")}, 10)}, allowedAddrs, 10},
		"frames":     {&wire.Ping{}, allowedFrames, 1},
		"bytes":      {&wire.Unknown{Number: 100, Body: make([]byte, 64<<10-5)}, allowedBytes, 64 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, m, start := &peer{}, newMeter(), time.Now()
				m.frame = len(must(wire.Limits{MaxBlockSize: 1 << 20}.Append(nil, test.message)))
				sent, burst := 0, test.allowed.burst/test.cost
				var f *fault
				for ; f == nil && time.Since(start) < 5*time.Minute; sent++ {
					if sent == burst && time.Since(start) > 0 {
						t.Errorf("the burst took %v", time.Since(start))
					}
					f = m.wait(context.Background(), p, test.message)
				}
				if name == "addrs" {
					if want := burst + maxPauses; f == nil || f.reason != wire.ReasonTooMuch || sent != want {
						t.Errorf("%v after %d messages, want %d", f, sent, want)
					}
					return
				}
				want := float64(test.allowed.burst) + 300*float64(test.allowed.perSecond)
				if got := float64(sent * test.cost); f != nil || got < 0.98*want || got > 1.02*want {
					t.Errorf("%v after %v, want %v", f, got, want)
				}
			})
		})
	}
}

func repeated[T any](v T, n int) (all []T) {
	for range n {
		all = append(all, v)
	}
	return all
}

// What this node asked for is not limited, and what it serves is.
func TestRatesOfAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, m, start := &peer{}, newMeter(), time.Now()
		ctx := context.Background()
		p.expect(wire.KindBlock, 1)
		m.frame = 1 << 20
		for range 1000 {
			if f := m.wait(ctx, p, &wire.Block{}); f != nil || time.Since(start) > 0 {
				t.Fatalf("%v after %v", f, time.Since(start))
			}
		}
		m.frame = 37
		ask := &wire.GetBlocks{Hashes: make([]pow.Hash, 1)}
		for range 40 { // 8 MB more than the burst
			if f := m.wait(ctx, p, ask); f != nil {
				t.Fatal(f)
			}
			m.sent(wire.KindBlock, 1<<20)
		}
		if f := m.wait(ctx, p, ask); f != nil || time.Since(start) != time.Second {
			t.Errorf("%v after %v, want a second", f, time.Since(start))
		}
	})
}

// A node that downloads large blocks over a fast line is slowed down, and stays.
func TestServedIsNoFault(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.grow(w.builder.Genesis, 400, 3)
		size := blocks[50].Size()
		was := allowedServed
		defer func() { allowedServed = was }()
		allowedServed = allowance{rate.Limit(8 * size), 32 * size} // as for blocks of 1 MB
		a := w.node()
		a.give(blocks...)
		b := w.node(peersOf(a))
		if took := b.reaches(lastOf(blocks), time.Minute); took < 40*time.Second {
			t.Errorf("400 blocks in %v, must be 8 a second", took)
		}
		if gone := a.Status().Gone; len(gone) > 0 {
			t.Errorf("%+v", gone)
		}
	})
}

// A flood of one peer slows itself down, not others.
func TestFlood(t *testing.T) {
	bubble(t, func(w *world) {
		a := w.node()
		b := w.node(peersOf(a))
		s := w.greet(a, w.host())
		stop := make(chan struct{})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					_ = s.Send(&wire.GetHeaders{Locator: []pow.Hash{{1}}})
				}
			}
		}()
		time.Sleep(time.Minute)
		q, ok := b.peerAt(a)
		if !ok || q.Ping > 50*time.Millisecond {
			t.Errorf("the other peer: %+v", q)
		}
		if got := a.Status().Counts.MessagesIn["getheaders"]; got > 360 {
			t.Errorf("%d messages were read in a minute", got)
		}
		close(stop)
		<-ended
	})
}
