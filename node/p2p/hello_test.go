package p2p

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"stele/engine/pow"
	"stele/node/p2p/link"
	"stele/node/p2p/wire"
)

// What a node answers to the first message of a peer that calls it.
func TestHello(t *testing.T) {
	edited := func(edit func(*wire.Hello)) func(w *world, n *testNode) wire.Message {
		return func(w *world, _ *testNode) wire.Message {
			h := w.hello()
			edit(h)
			return h
		}
	}
	for _, test := range []struct {
		name        string
		send        func(w *world, n *testNode) wire.Message
		want        wire.Reason
		discouraged bool
	}{
		{"another network", edited(func(h *wire.Hello) { h.Network++ }), wire.ReasonWrongNetwork, false},
		{"another genesis block", edited(func(h *wire.Hello) { h.Genesis[0]++ }), wire.ReasonWrongNetwork, false},
		{"later protocol", edited(func(h *wire.Hello) { h.Protocol, h.MinProtocol = 9, wire.Protocol+1 }), wire.ReasonWrongNetwork, false},
		{"self", func(w *world, n *testNode) wire.Message {
			h := w.hello()
			h.Nonce = n.nonce
			return h
		}, wire.ReasonSelf, false},
		{"ping", func(*world, *testNode) wire.Message { return &wire.Ping{} }, wire.ReasonProtocol, true},
		{"addrs", func(*world, *testNode) wire.Message { return &wire.Addrs{} }, wire.ReasonProtocol, true},
		{"getheaders", func(*world, *testNode) wire.Message {
			return &wire.GetHeaders{Locator: []pow.Hash{{}}}
		}, wire.ReasonProtocol, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(w *world) {
				n, host := w.node(), w.host()
				s := w.call(n, host)
				w.must(s.Send(test.send(w, n)))
				s.wantsBye(test.want)
				q := n.Status()
				if got := q.Discouraged == 1; got != test.discouraged {
					t.Errorf("discouraged: %v, want %v", got, test.discouraged)
				}
				if q.Counts.NotAccepted != 1 || q.Counts.Accepted != 0 || q.Counts.Disconnects[string(test.want)] != 1 {
					t.Errorf("counts: %+v", q.Counts)
				}
			})
		})
	}
}

func TestSecondHello(t *testing.T) {
	bubble(t, func(w *world) {
		n, host := w.node(), w.host()
		s := w.greet(n, host)
		w.must(s.Send(w.hello()))
		s.wantsBye(wire.ReasonProtocol)
		if !isDiscouraged(n, host.Addr().String()) {
			t.Error("not discouraged")
		}
		if gone, ok := n.goneFrom(host.Addr()); !ok || gone.Reason != "protocol" || gone.ByPeer {
			t.Errorf("gone: %+v", gone)
		}
	})
}

// One bad node on a machine does not make the others there unwelcome, unless they have
// addresses of their own.
func TestFaultOnLoopback(t *testing.T) {
	for _, grouped := range []bool{false, true} {
		bubble(t, func(w *world) {
			n := w.node(func(o *Options) {
				if !grouped {
					o.Group = nil
				}
			})
			s := w.greet(n, w.net.Host(netip.MustParseAddr("127.0.0.9")))
			w.must(s.Send(w.hello()))
			s.wantsBye(wire.ReasonProtocol)
			if got := isDiscouraged(n, "127.0.0.9"); got != grouped {
				t.Errorf("discouraged: %v, want %v", got, grouped)
			}
		})
	}
}

// A later version may have higher protocols, services and kinds of messages.
func TestLaterVersion(t *testing.T) {
	bubble(t, func(w *world) {
		n, host := w.node(), w.host()
		s := w.greet(n, host, func(h *wire.Hello) { h.Protocol, h.Services = 7, 1<<63|1 })
		w.must(s.Send(&wire.Unknown{Number: 100, Body: make([]byte, 1000)}))
		time.Sleep(time.Minute)
		s.wants(wire.KindPing)
		if q := n.Status(); len(q.Connected) != 1 || q.Connected[0].Protocol != wire.Protocol || q.Counts.Received["other"] != 1005 {
			t.Errorf("status: %+v", q)
		}
	})
}

// Who does not do its part of the handshake in time is disconnected.
func TestHandshakeTime(t *testing.T) {
	bubble(t, func(w *world) {
		n, host := w.node(), w.host()
		conn := must(host.Dial(context.Background(), n.address()))
		defer conn.Close()
		start := time.Now()
		if _, err := conn.Read(make([]byte, 1)); err == nil || time.Since(start) > 6*time.Second {
			t.Errorf("no TLS: %v after %v", err, time.Since(start))
		}
		s := w.call(n, host)
		start = time.Now()
		if <-s.done; time.Since(start) > 6*time.Second {
			t.Errorf("no hello: ended after %v", time.Since(start))
		}
		if q := n.Status(); q.Counts.NotAccepted != 2 || q.Counts.Disconnects["too-slow"] != 2 || q.Discouraged != 0 {
			t.Errorf("status: %+v", q)
		}
	})
}

// A node that calls a peer, which gives no hello or a wrong one, forgets the address
// or notes a failure.
func TestCalledPeer(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer func(w *world, s *link.Link) error
		want   string
		known  bool // the book still has the address
	}{
		{"nothing", func(*world, *link.Link) error { return nil }, "too-slow", true},
		{"wrong network", func(w *world, l *link.Link) error {
			h := w.hello()
			h.Network++
			return l.Send(h)
		}, "wrong-network", false},
		{"bye, wrong network", func(_ *world, l *link.Link) error {
			l.Close(&wire.Bye{Reason: wire.ReasonWrongNetwork})
			return nil
		}, "wrong-network", false},
		{"bye, full", func(_ *world, l *link.Link) error {
			l.Close(&wire.Bye{Reason: wire.ReasonFull}, &wire.Addrs{})
			return nil
		}, "full", true},
		{"hangs up", func(_ *world, l *link.Link) error {
			l.Close(&wire.Bye{})
			return nil
		}, "closed", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(w *world) {
				host := w.host()
				listener := must(host.Listen(":28699"))
				go w.answer(listener, func(l *link.Link) error { return test.answer(w, l) })
				defer listener.Close()
				n := w.node(func(o *Options) { o.OnlyPeers = false })
				n.onLoop(func() { n.learn(w, host.Addr().String()+":28699") })
				w.waitFor(10*time.Second, "the call ends", func() bool { _, ok := n.goneFrom(host.Addr()); return ok })
				gone, _ := n.goneFrom(host.Addr())
				if gone.Reason != test.want {
					t.Errorf("gone: %+v, want %s", gone, test.want)
				}
				if q := n.Status(); (q.Addresses == 1) != test.known || q.Discouraged != 0 {
					t.Errorf("%d addresses, %d discouraged", q.Addresses, q.Discouraged)
				}
			})
		})
	}
}

// answer accepts connections of nodes, and answers each hello by a function.
func (w *world) answer(listener net.Listener, answer func(l *link.Link) error) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			secured, _, err := link.Server(context.Background(), conn, must(link.NewKey()), nil)
			if err != nil {
				w.Error(err)
				return
			}
			l := link.New(secured, link.Options{
				Limits: wire.Limits{MaxBlockSize: w.builder.Params.MaxBlockSize}, Budget: link.NewBudget(link.BudgetBytes),
				Solicited: func(wire.Kind) bool { return true },
			})
			_ = l.Run(context.Background(), func(m wire.Message) error {
				if m.Kind() == wire.KindHello {
					return answer(l)
				}
				return nil
			})
		}()
	}
}
