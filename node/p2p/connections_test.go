package p2p

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"stele/node/p2p/link"
	"stele/node/p2p/simnet"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
	"stele/node/query"
)

// Connections whose handshake does not go on do not block an honest one.
func TestSlowHandshakes(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		var conns []net.Conn
		for i := range 64 {
			host := w.net.Host(netip.AddrFrom4([4]byte{10, 100, byte(i / 3), 1})) // three of an address are not too many
			conns = append(conns, must(host.Dial(context.Background(), n.address())))
		}
		stop := make(chan struct{})
		for _, c := range conns {
			go func() { // a byte of a record of TLS in each second
				defer c.Close()
				for i := 0; ; i++ {
					if _, err := c.Write([]byte{0x16, 3, 1, 1, 0, 1, 0}[min(i, 6):][:1]); err != nil {
						return
					}
					select {
					case <-time.After(time.Second):
					case <-stop:
						return
					}
				}
			}()
		}
		b, start := w.node(peersOf(n)), time.Now()
		w.waitFor(5*time.Second, "the honest node is connected", func() bool { _, ok := b.peerAt(n); return ok })
		t.Logf("connected after %v", time.Since(start))
		close(stop)
	})
}

// One address gets a few handshakes a second, and a few slots.
func TestOneAddress(t *testing.T) {
	bubble(t, func(w *world) {
		n, host := w.node(), w.host()
		refused := 0
		for range 10 {
			conn := must(host.Dial(context.Background(), n.address()))
			if _, _, err := link.Client(context.Background(), conn, must(link.NewKey()), nil); err != nil {
				refused++
			}
		}
		if refused < 6 {
			t.Errorf("%d of 10 connections at once were refused", refused)
		}
		time.Sleep(10 * time.Second)
		for range 4 {
			w.greet(n, host)
			time.Sleep(time.Second)
		}
		s := w.call(n, host)
		w.must(s.Send(w.hello()))
		s.wantsBye(wire.ReasonTooMuch)
		if got := len(n.Status().Connected); got != 4 {
			t.Errorf("%d connections of one address, want 4", got)
		}
	})
}

// The frame of a peer is judged by its header, before anything is allocated for it.
func TestOversizeFrames(t *testing.T) {
	for name, head := range map[string]wire.Header{
		"too long":    {Kind: wire.KindPing, Length: 9},
		"huge":        {Kind: wire.KindHave, Length: 1 << 31},
		"unsolicited": {Kind: wire.KindBlock, Length: 1000},
		"unknown":     {Kind: 63, Length: 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				n, host := w.node(), w.host()
				conn := w.greetRaw(n, host)
				defer conn.Close()
				_, err := conn.Write(append(binary.LittleEndian.AppendUint32(nil, head.Length), byte(head.Kind)))
				w.must(err)
				w.waitFor(time.Second, "the peer is gone", func() bool { _, ok := n.goneFrom(host.Addr()); return ok })
				gone, _ := n.goneFrom(host.Addr())
				if gone.Reason != "protocol" || !isDiscouraged(n, host.Addr().String()) {
					t.Errorf("gone: %+v", gone)
				}
			})
		})
	}
}

// greetRaw connects to a node and exchanges hellos, and returns the bare connection
// under TLS's protection.
func (w *world) greetRaw(n *testNode, from *simnet.Host) net.Conn {
	w.Helper()
	conn := must(from.Dial(context.Background(), n.address()))
	secured, _, err := link.Client(context.Background(), conn, must(link.NewKey()), nil)
	w.must(err)
	_, err = secured.Write(must(n.limits().Append(nil, w.hello())))
	w.must(err)
	w.waitFor(time.Second, "ready", func() bool {
		return slices.ContainsFunc(n.Status().Connected, func(p query.Peer) bool { return p.Address == conn.LocalAddr().String() })
	})
	return secured
}

// A full house makes room for a newcomer as long as some peers are not protected. The
// one that goes, and the newcomer that finds no room, get a bye and addresses.
func TestFullHouse(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node(func(o *Options) { o.MaxPeers = 8 + 2 + 1 + 20 })
		n.onLoop(func() {
			for i := range 50 {
				n.learn(w, fmt.Sprintf("10.200.%d.1:28699", i))
			}
		})
		var peers []*stranger
		for range 20 {
			peers = append(peers, w.greet(n, w.host()))
			time.Sleep(time.Second)
		}
		for range 20 {
			peers = append(peers, w.greet(n, w.host()))
			time.Sleep(time.Second)
		}
		q := n.Status()
		if len(q.Connected) != 20 || q.Counts.Disconnects["full"] != 20 {
			t.Errorf("%d connected, disconnects %v", len(q.Connected), q.Counts.Disconnects)
		}
		evicted := 0
		for i, s := range peers {
			select {
			case <-s.done:
				if i == 0 {
					t.Error("the oldest peer was evicted")
				}
				evicted++
				if m := s.wants(wire.KindAddrs).(*wire.Addrs); len(m.Addrs) != wire.MaxUnsolicitedAddrs {
					t.Errorf("%d addresses", len(m.Addrs))
				}
				if bye := s.wants(wire.KindBye).(*wire.Bye); bye.Reason != wire.ReasonFull {
					t.Errorf("bye %+v", bye)
				}
			default:
			}
		}
		if evicted != 20 {
			t.Errorf("%d evicted", evicted)
		}
	})
}

// A newcomer that finds no room gets no hello, but addresses and a bye.
func TestNoRoom(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node(func(o *Options) { o.MaxPeers = 8 + 2 + 1 + 3 })
		n.onLoop(func() { n.learn(w, "10.200.1.1:28699") })
		for range 3 {
			w.greet(n, w.host())
		}
		host := w.host()
		s := w.call(n, host)
		w.must(s.Send(w.hello()))
		if m := s.wants(wire.KindAddrs).(*wire.Addrs); len(m.Addrs) == 0 {
			t.Error("no addresses")
		}
		s.wantsBye(wire.ReasonFull)
		if q := n.Status(); len(q.Connected) != 3 || q.Counts.MessagesOut["hello"] != 3 {
			t.Errorf("status: %+v", q)
		}

		// A node that calls takes the addresses. No other call of it works, so that the
		// failure says nothing about the address.
		b := w.node(func(o *Options) { o.OnlyPeers = false })
		b.onLoop(func() { b.learn(w, n.address()) })
		w.waitFor(10*time.Second, "the call fails", func() bool { _, ok := b.goneFrom(n.host.Addr()); return ok })
		b.onLoop(func() {
			a, ok := b.book.Get(netip.MustParseAddrPort(n.address()))
			if _, learned := b.book.Get(netip.MustParseAddrPort("10.200.1.1:28699")); !ok || a.Failures != 0 || !learned {
				t.Errorf("%+v, learned: %v", a, learned)
			}
		})
	})
}

// Half of the slots are only for peers at addresses that are not discouraged.
func TestDiscouraged(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node(func(o *Options) { o.MaxPeers = 8 + 2 + 1 + 4 })
		host := w.host()
		s := w.greet(n, host)
		w.must(s.Send(w.hello()))
		s.wantsBye(wire.ReasonProtocol)
		for range 2 {
			w.greet(n, w.host())
		}
		s = w.greet(n, host) // there is room
		s.Close(&wire.Bye{Reason: wire.ReasonUseless})
		<-s.done
		time.Sleep(time.Second)
		w.greet(n, w.host())
		s = w.call(n, host)
		w.must(s.Send(w.hello()))
		s.wantsBye(wire.ReasonFull)
		if !n.Forget(host.Addr()) || n.Forget(host.Addr()) || n.Status().Discouraged != 0 {
			t.Error("not forgotten")
		}
		w.greet(n, host)
	})
}

// 200 peers come and go: no slot, no place and no goroutine is left.
func TestComingAndGoing(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		for i := range 200 {
			host := w.net.Host(netip.AddrFrom4([4]byte{10, 100, byte(i), 1}))
			s := w.greet(n, host)
			switch i % 3 {
			case 0:
				s.Close(&wire.Bye{Reason: wire.ReasonUseless})
				<-s.done
			case 1:
				w.must(s.Send(w.hello())) // a fault
				<-s.done
			case 2:
				host.Kill()
				<-s.done
			}
		}
		time.Sleep(10 * time.Second)
		n.onLoop(func() {
			if open := n.slots.All(); len(open) != 0 || len(n.peers) != 0 {
				t.Errorf("left: slots %v, peers %v", open, n.peers)
			}
		})
		if q := n.Status(); q.Counts.Accepted != 200 || len(q.Gone) != maxGone {
			t.Errorf("accepted %d, gone %d", q.Counts.Accepted, len(q.Gone))
		}
	})
}

// A node finds peers by the addresses of the one that it knows, and keeps to slots of
// all kinds; after a restart it calls its anchors first, even if it was killed.
func TestDiscovery(t *testing.T) {
	bubble(t, func(w *world) {
		public := func(o *Options) { o.OnlyPeers = false }
		seed := w.node(public)
		for range 14 {
			w.node(public, peersOf(seed))
		}
		dir := t.TempDir()
		n := w.node(public, peersOf(seed), func(o *Options) { o.Dir = dir })
		count := func(kind slots.Kind) (count int) {
			for _, p := range n.Status().Connected {
				if p.Kind == kind.String() {
					count++
				}
			}
			return count
		}
		w.waitFor(time.Minute, "all outbound slots are taken", func() bool { return count(slots.Full) == 8 && count(slots.BlocksOnly) == 2 })
		w.waitFor(10*time.Minute, "another address is tested", func() bool { return n.Status().Counts.Disconnects[string(reasonFeeler)] > 0 })
		var anchors []string
		for _, p := range n.Status().Connected {
			if p.Kind == slots.BlocksOnly.String() {
				anchors = append(anchors, p.Address)
			}
		}
		time.Sleep(time.Second)
		before := must(os.ReadFile(filepath.Join(dir, anchorsFile)))
		key := n.Status().Key
		n.stop()
		w.must(os.WriteFile(filepath.Join(dir, anchorsFile), before, 0o600)) // as after a kill
		n.start()
		w.waitFor(10*time.Second, "both anchors are called", func() bool {
			found := 0
			for _, p := range n.Status().Connected {
				if p.Kind == slots.BlocksOnly.String() && slices.Contains(anchors, p.Address) {
					found++
				}
			}
			return found == 2
		})
		if q := n.Status(); q.Key != key || q.Addresses < 10 {
			t.Errorf("after the restart: key %s, want %s; %d addresses", q.Key, key, q.Addresses)
		}
	})
}

// A node whose book is full of hostile addresses calls its anchors after each restart.
func TestAnchorsOverRestarts(t *testing.T) {
	bubble(t, func(w *world) {
		public := func(o *Options) { o.OnlyPeers = false }
		var honest []*testNode
		for range 11 {
			honest = append(honest, w.node())
		}
		n := w.node(public, func(o *Options) { o.Dir = t.TempDir() })
		n.onLoop(func() {
			for _, h := range honest {
				n.learn(w, h.address())
			}
		})
		anchors := func() (addrs []string) {
			for _, p := range n.Status().Connected {
				if p.Kind == slots.BlocksOnly.String() {
					addrs = append(addrs, p.Address)
				}
			}
			return addrs
		}
		w.waitFor(time.Minute, "two anchors", func() bool { return len(anchors()) == 2 })
		before := anchors()
		for i := range 8 {
			n.onLoop(func() {
				for k := range 1000 {
					n.learn(w, fmt.Sprintf("%d.%d.%d.1:28699", 20+i, k%250, k/250))
				}
			})
			n.stop()
			n.start()
			w.waitFor(10*time.Second, "the anchors are connected", func() bool { return len(anchors()) == 2 })
			for _, a := range anchors() {
				if !slices.Contains(before, a) {
					t.Errorf("restart %d: %s is a new anchor", i, a)
				}
			}
		}
	})
}

// Damaged files are renamed, and the node starts without them.
func TestDamagedFiles(t *testing.T) {
	bubble(t, func(w *world) {
		dir := t.TempDir()
		n := w.node(func(o *Options) { o.Dir = dir })
		n.onLoop(func() { n.learn(w, "10.99.0.1:1") })
		n.stop()
		for _, name := range []string{bookFile, anchorsFile} {
			w.must(os.WriteFile(filepath.Join(dir, name), []byte("{}\n"), 0o600))
		}
		n.start()
		if q := n.Status(); q.Addresses != 0 {
			t.Errorf("%d addresses", q.Addresses)
		}
		for _, name := range []string{bookFile, anchorsFile} {
			if _, err := os.Stat(filepath.Join(dir, name+".damaged")); err != nil {
				t.Error(err)
			}
		}
		n.stop()
		w.must(os.Chmod(filepath.Join(dir, keyFile), 0o644))
		o := n.options
		o.Params, o.Chain, o.Pool = w.builder.Params, n.chain, n.pool
		if _, err := New(o); err == nil {
			t.Error("a key that others may read was accepted")
		}
	})
}

// Peers that send a byte a second, and read nothing, do not delay a block.
func TestSlowPeers(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		m := w.node(peersOf(n))
		w.waitFor(5*time.Second, "connected", func() bool { _, ok := m.peerAt(n); return ok })
		head := append(binary.LittleEndian.AppendUint32(nil, 500_000), byte(wire.KindCompact))
		stop := make(chan struct{})
		for i := range 64 {
			conn := w.greetRaw(n, w.net.Host(netip.AddrFrom4([4]byte{10, 100, byte(i), 1})))
			go func() {
				defer conn.Close()
				for _, b := range append(head, make([]byte, 600)...) {
					if _, err := conn.Write([]byte{b}); err != nil {
						return
					}
					select {
					case <-time.After(time.Second):
					case <-stop:
						return
					}
				}
			}()
		}
		w.waitFor(10*time.Second, "all are connected", func() bool { return len(n.Status().Connected) == 65 })
		tip := w.builder.Genesis
		var worst time.Duration
		for range 10 {
			tip = w.builder.Extend(tip)
			m.give(tip)
			worst = max(worst, n.reaches(tip, 2*time.Second))
			time.Sleep(time.Second)
		}
		t.Logf("blocks take up to %v", worst)
		close(stop)
	})
}
