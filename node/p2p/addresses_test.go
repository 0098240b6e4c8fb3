package p2p

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"stele/node/p2p/wire"
	"stele/node/query"
)

// A peer that calls gets addresses, once.
func TestGetAddrs(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		n.onLoop(func() {
			for i := range 200 {
				n.learn(w, fmt.Sprintf("10.%d.1.1:28699", i))
			}
		})
		s := w.greet(n, w.host())
		w.must(s.Send(&wire.GetAddrs{}))
		w.must(s.Send(&wire.GetAddrs{}))
		if m := s.wants(wire.KindAddrs).(*wire.Addrs); len(m.Addrs) < 100 || m.Addrs[0].Age > 2 {
			t.Errorf("%d addresses: %+v", len(m.Addrs), m.Addrs[0])
		}
		time.Sleep(time.Minute)
		if got := n.Status().Counts.MessagesOut["addrs"]; got != 1 {
			t.Errorf("%d answers", got)
		}
	})
}

// A node knows where its callers listen, and takes what they announce.
func TestAnnouncedAddresses(t *testing.T) {
	bubble(t, func(w *world) {
		n, host := w.node(), w.host()
		s := w.greet(n, host, func(h *wire.Hello) { h.Port = 1234 })
		w.must(s.Send(&wire.Addrs{Addrs: []wire.Addr{{Addr: netip.MustParseAddrPort("10.50.0.1:1"), Age: 5}}}))
		time.Sleep(time.Second)
		n.onLoop(func() {
			for _, want := range []string{host.Addr().String() + ":1234", "10.50.0.1:1"} {
				if _, ok := n.book.Get(netip.MustParseAddrPort(want)); !ok {
					t.Errorf("%s is not known", want)
				}
			}
		})
	})
}

// Private addresses are for private networks.
func TestPrivateAddresses(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node(func(o *Options) { o.Private = false })
		w.greet(n, w.host(), func(h *wire.Hello) { h.Port = 1234 })
		if got := n.Status().Addresses; got != 0 {
			t.Errorf("%d addresses", got)
		}
	})
}

// The address of a node reaches the peers that it calls, at once and each day.
func TestIntroduction(t *testing.T) {
	bubble(t, func(w *world) {
		a := w.node()
		b := w.node(peersOf(a))
		w.waitFor(5*time.Second, "connected", func() bool { _, ok := b.peerAt(a); return ok })
		knows := func() (knows bool) {
			a.onLoop(func() { _, knows = a.book.Get(netip.MustParseAddrPort(b.address())) })
			return knows
		}
		time.Sleep(time.Second)
		if !knows() {
			t.Error("not introduced")
		}
		b.onLoop(func() { b.addresses.announce = w.clock() }) // a day later
		time.Sleep(time.Minute)
		if got := b.Status().Counts.MessagesOut["addrs"]; got != 2 {
			t.Errorf("introduced %d times in a day", got)
		}
	})
}

// Seeds are asked only by a node that finds too few peers without them.
func TestSeeds(t *testing.T) {
	bubble(t, func(w *world) {
		a, b := w.node(), w.node()
		var asked atomic.Int32
		seeded := func(o *Options) {
			o.OnlyPeers = false
			o.Seeds = []string{"bad.example:28699", "seed.example:28699", "10.99.0.1:28699"}
			o.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
				asked.Add(1)
				if host == "bad.example" {
					return nil, errors.New("no such host")
				}
				return []netip.Addr{a.host.Addr(), b.host.Addr()}, nil
			}
		}
		w.node(seeded, peersOf(a, b))
		time.Sleep(time.Minute)
		if asked.Load() != 0 {
			t.Error("a node with two peers has asked seeds")
		}
		dir := t.TempDir()
		n := w.node(seeded, func(o *Options) { o.Dir = dir })
		isConnected := func() bool {
			_, ok1 := n.peerAt(a)
			_, ok2 := n.peerAt(b)
			return ok1 && ok2
		}
		w.waitFor(3*time.Second, "connected by seeds", isConnected) // it knows nobody else
		time.Sleep(2 * firstSave)
		if _, err := os.Stat(filepath.Join(dir, bookFile)); err != nil {
			t.Errorf("a node that is killed now forgets all: %v", err)
		}
		time.Sleep(2 * seedEvery)
		if asked.Load() != 2 {
			t.Errorf("%d names were looked up", asked.Load())
		}
		n.stop()
		n.start()
		w.waitFor(3*time.Second, "connected by its book", isConnected)
		if asked.Load() != 2 {
			t.Error("a node with a book has asked seeds at once")
		}
	})
}

// The node's own address is forgotten as soon as it has called itself.
func TestSelf(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node(func(o *Options) { o.OnlyPeers = false })
		n.onLoop(func() { n.learn(w, n.address()) })
		w.waitFor(10*time.Second, "called itself", func() bool { _, ok := n.goneFrom(n.host.Addr()); return ok })
		q := n.Status()
		if !slices.ContainsFunc(q.Gone, func(g query.GonePeer) bool { return g.Reason == "self" }) || q.Addresses != 0 || q.Discouraged != 0 {
			t.Errorf("status: %+v", q)
		}
	})
}
