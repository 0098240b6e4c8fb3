package stratum_test

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"stele/node/stratum"
)

// addresses is a listener whose connections have addresses that a test chooses: those
// over TCP have the address real, those of in may have any.
type addresses struct {
	net.Listener
	real   string
	in     chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newAddresses(l net.Listener, real string) *addresses {
	a := &addresses{Listener: l, real: real, in: make(chan net.Conn), closed: make(chan struct{})}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			select {
			case a.in <- from{c, a.real}:
			case <-a.closed:
				_ = c.Close()
				return
			}
		}
	}()
	return a
}

func (a *addresses) Accept() (net.Conn, error) {
	select {
	case c := <-a.in:
		return c, nil
	case <-a.closed:
		return nil, net.ErrClosed
	}
}

func (a *addresses) Close() error {
	a.once.Do(func() { close(a.closed) })
	return a.Listener.Close()
}

// from is a connection from an address.
type from struct {
	net.Conn
	addr string
}

func (f from) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.ParseIP(f.addr), Port: 1}
}

// crowdedWorld returns a server with this limit of connections, and a function that
// opens n sessions without shares, the i-th from address(i), and waits until the
// server has accepted them. Miners that dial the server have another IPv4 address.
func crowdedWorld(t *testing.T, connections int) (w *world, flood func(n int, address func(i int) string)) {
	t.Helper()
	var listener *addresses
	w = newWorld(t, func(w *world, o *stratum.Options) {
		o.MaxConnections = connections
		w.wrap = func(l net.Listener) net.Listener {
			listener = newAddresses(l, "198.51.100.7")
			return listener
		}
	})
	w.take()
	var readers sync.WaitGroup
	var opened []net.Conn
	t.Cleanup(func() {
		for _, c := range opened {
			_ = c.Close()
		}
		readers.Wait()
	})
	return w, func(n int, address func(i int) string) {
		t.Helper()
		for i := range n {
			here, there := net.Pipe()
			opened = append(opened, here)
			select {
			case listener.in <- from{there, address(i)}:
			case <-time.After(20 * time.Second):
				t.Fatalf("connection %d of %d is not taken", i, n)
			}
			readers.Go(func() { _, _ = io.Copy(io.Discard, here) })
			readers.Go(func() {
				fmt.Fprintf(here, `{"id":1,"method":"mining.subscribe","params":["x"]}`+"\n"+`{"id":2,"method":"mining.authorize","params":["%s","x"]}`+"\n", user)
			})
		}
	}
}

// Thousands of sessions from ten addresses that never send a share do not displace a
// miner that does: neither one that is connected, nor one that connects, nor one that
// reconnects.
func TestCrowdedOut(t *testing.T) {
	const connections, addressCount, idle = 500, 10, 2000
	w, open := crowdedWorld(t, connections)
	flood := func(n int) {
		t.Helper()
		open(n, func(i int) string { return fmt.Sprintf("192.0.2.%d", 1+i%addressCount) })
	}
	share := func(what string, m *testMiner) {
		t.Helper()
		want(t, what, m.share(user, m.job), 0)
	}

	first := dial(t, w.address)
	first.login(user)
	share("the first miner", first)
	flood(idle)
	share("the first miner, after the flood", first)

	second := dial(t, w.address)
	second.login(user)
	flood(connections / 2) // while it looks for its first share
	share("the second miner", second)
	flood(idle)
	share("the second miner, after another flood", second)

	_ = first.conn.Close()
	back := dial(t, w.address)
	back.subscribe(first.session)
	want(t, "authorize", back.call("mining.authorize", user, "x"), 0)
	back.awaitJob(1)
	flood(idle)
	share("the first miner that came back", back)

	if s := w.server.Status(); s.Connections > connections+1 || s.Banned != 0 {
		t.Errorf("status %+v", s)
	}
}

// Sessions from a /48 of IPv6, each from a /64 of its own and none with a share, leave a
// miner time for its first share: all older ones are evicted first. A miner that has
// had one keeps its place.
func TestCrowdOfAddresses(t *testing.T) {
	const connections, idle = 200, 1000
	w, open := crowdedWorld(t, connections)
	next := 0
	flood := func(n int) {
		t.Helper()
		open(n, func(int) string {
			next++
			return fmt.Sprintf("2001:db8:1:%x::1", next)
		})
	}
	flood(connections)
	m := dial(t, w.address)
	m.login(user)
	flood(connections - 1) // while it looks for its first share
	want(t, "the first share", m.share(user, m.job), 0)
	flood(idle)
	want(t, "a share after another flood", m.share(user, m.job), 0)
}

// If all connections have had a good share, another one is closed, and there is room
// again when one of them ends.
func TestNoRoom(t *testing.T) {
	const connections = 3
	w := newWorld(t, func(_ *world, o *stratum.Options) { o.MaxConnections = connections })
	w.take()
	var all []*testMiner
	for range connections {
		m := dial(t, w.address)
		m.login(user)
		want(t, "a share", m.share(user, m.job), 0)
		all = append(all, m)
	}
	more := dial(t, w.address)
	more.awaitEnd()
	for _, m := range all {
		want(t, "a share", m.share(user, m.job), 0)
	}
	_ = all[0].conn.Close()
	for w.server.Status().Connections == connections {
		time.Sleep(time.Millisecond)
	}
	again := dial(t, w.address)
	again.login(user)
	want(t, "a share", again.share(user, again.job), 0)
}
