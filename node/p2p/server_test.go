package p2p

import (
	"net"
	"strings"
	"testing"
	"time"

	"stele/node/chain/chaintest"
	"stele/node/p2p/link"
	"stele/node/p2p/simnet"
)

// Two nodes connect, know each other's keys, and exchange pings.
func TestTwoNodes(t *testing.T) {
	bubble(t, func(w *world) {
		a := w.node()
		b := w.node(peersOf(a))
		w.waitFor(5*time.Second, "connected", func() bool {
			out, ok1 := b.peerAt(a)
			in, ok2 := a.peerAt(b)
			return ok1 && ok2 && out.Ping > 0 && in.Ping > 0
		})
		out, _ := b.peerAt(a)
		in, _ := a.peerAt(b)
		if out.Key != a.Status().Key || in.Key != b.Status().Key || out.Kind != "manual" || in.Kind != "inbound" {
			t.Errorf("b sees %+v, a sees %+v", out, in)
		}
		if out.Ping != 40*time.Millisecond {
			t.Errorf("the ping took %v", out.Ping)
		}
		time.Sleep(time.Hour)
		if _, ok := b.peerAt(a); !ok {
			t.Error("not connected after an hour without other messages")
		}
		a.stop()
		w.waitFor(5*time.Second, "the end is noticed", func() bool { _, ok := b.peerAt(a); return !ok })
		a.start()
		w.waitFor(time.Minute, "connected again", func() bool { _, ok := b.peerAt(a); return ok })
	})
}

// Over TCP it is the same, in real time. A port in use is one clear error.
func TestTCP(t *testing.T) {
	w := &world{T: t, net: simnet.New(1), builder: chaintest.New(testNetwork, 1), begin: time.Now()}
	defer w.net.Close()
	tcp := func(o *Options) { o.Transport, o.Listen = link.TCP{}, "127.0.0.1:0" }
	a := w.node(tcp)
	defer a.stop()
	b := w.node(tcp, func(o *Options) { o.Peers = []string{a.key.ID().String() + "@" + a.Addr()} })
	defer b.stop()
	w.waitFor(10*time.Second, "connected", func() bool {
		return len(a.Status().Connected) == 1 && len(b.Status().Connected) == 1 && b.Status().Connected[0].Ping > 0
	})

	o := a.options
	o.Params, o.Chain, o.Pool = w.builder.Params, a.chain, a.pool
	o.Listen = a.Addr()
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "cannot listen for peers: ") || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a port in use: %v", err)
	}
	o.Listen = "127.0.0.1:0"
	s, err := New(o) // and never run
	if err != nil {
		t.Fatal(err)
	}
	addr := s.Addr()
	s.Close()
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("a server that is closed listens")
	}
	if q := s.Status(); len(q.Connected) != 0 || q.Key != s.key.ID().String() || s.Forget(w.host().Addr()) {
		t.Errorf("status: %+v", q)
	}
	o.Agent = "a\nb"
	if _, err := New(o); err == nil {
		t.Error("an agent with a line break was accepted")
	}
}
