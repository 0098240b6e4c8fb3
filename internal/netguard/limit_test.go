package netguard

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// There are never more connections than the limit; those that wait get their
// turn.
func TestLimit(t *testing.T) {
	l := Limit(listen(t), 2, 1, nil) // loopback has no limit of its own
	dial := func() {
		t.Helper()
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
	accepted := make(chan net.Conn)
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				return
			}
			accepted <- conn
		}
	})
	dial()
	dial()
	dial()
	first, second := <-accepted, <-accepted
	if n := len(l.(*listener).slots); n != 2 {
		t.Errorf("%d connections are open", n)
	}
	select {
	case <-accepted:
		t.Error("a third connection was accepted")
	default:
	}
	first.Close()
	first.Close() // does no harm
	third := <-accepted
	if n := len(l.(*listener).slots); n != 2 {
		t.Errorf("%d connections are open after one was closed twice", n)
	}
	if err := l.Close(); err != nil { // also while Accept waits for a place
		t.Error(err)
	}
	accepting.Wait()
	second.Close()
	third.Close()
}

// fromFar is a listener whose connections seem to come from other addresses.
type fromFar struct {
	net.Listener
	addresses chan string
}

type farConn struct {
	net.Conn
	remote net.Addr
}

func (c farConn) RemoteAddr() net.Addr { return c.remote }

func (l fromFar) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return farConn{conn, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(<-l.addresses))}, nil
}

// connect connects to l from addresses, and then from this machine: it returns what
// was accepted before that.
func (l fromFar) connect(t *testing.T, limited net.Listener, addresses ...string) (accepted []net.Conn) {
	t.Helper()
	const last = "127.0.0.1:9"
	var dialling sync.WaitGroup
	defer dialling.Wait()
	dialling.Go(func() {
		for _, a := range append(addresses, last) {
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { conn.Close() })
			l.addresses <- a
		}
	})
	for {
		conn, err := limited.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if conn.RemoteAddr().String() == last {
			conn.Close()
			return accepted
		}
		accepted = append(accepted, conn)
	}
}

// One address cannot take all places; an IPv6 /64 is one address.
func TestLimitPerAddress(t *testing.T) {
	far := fromFar{listen(t), make(chan string, 1)}
	exempt, err := ParseProxies([]string{"198.51.100.0/24"})
	if err != nil {
		t.Fatal(err)
	}
	l := Limit(far, 20, 2, exempt.Trust)
	trusted := far.connect(t, l, "198.51.100.1:1", "198.51.100.1:2", "198.51.100.1:3")
	if len(trusted) != 3 {
		t.Errorf("%d connections of a trusted proxy were accepted, want 3", len(trusted))
	}
	for _, conn := range trusted {
		conn.Close()
	}
	four := far.connect(t, l, "192.0.2.1:1", "192.0.2.1:2", "192.0.2.1:3")
	six := far.connect(t, l, "[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3]:1", "[2001:db8:0:1::1]:1")
	here := far.connect(t, l, "127.0.0.1:1", "127.0.0.1:2", "[::1]:3", "[::1]:4", "[::1]:5")
	if len(four) != 2 || len(six) != 3 || len(here) != 5 {
		t.Fatalf("%d, %d and %d connections were accepted, want 2, 3 and 5", len(four), len(six), len(here))
	}
	four[0].Close()
	four[0].Close()
	if again := far.connect(t, l, "192.0.2.1:4", "192.0.2.1:5"); len(again) != 1 {
		t.Errorf("%d connections were accepted in the place of one", len(again))
	}
	for _, conn := range append(four, append(six, here...)...) {
		conn.Close()
	}
	if open := l.(*listener).open; len(open) != 1 {
		t.Errorf("%d addresses are remembered, want the one that has a connection", len(open))
	}
}

func TestNoLimitPerAddress(t *testing.T) {
	far := fromFar{listen(t), make(chan string, 1)}
	if all := far.connect(t, Limit(far, 4, 0, nil), "192.0.2.1:1", "192.0.2.1:2", "192.0.2.1:3"); len(all) != 3 {
		t.Errorf("%d connections were accepted, want 3", len(all))
	}
}

// A released connection makes room for another, also of its address, and is not counted
// twice when it is closed.
func TestRelease(t *testing.T) {
	l := &listener{perAddress: 1, slots: make(chan struct{}, 2), open: map[netip.Addr]int{}, closed: make(chan struct{})}
	addr := netip.MustParseAddr("192.0.2.1")
	l.slots <- struct{}{}
	l.enter(addr)
	near, far := net.Pipe()
	defer far.Close()
	c := &conn{Conn: near, free: sync.OnceFunc(func() {
		l.leave(addr)
		<-l.slots
	})}
	Release(c)
	if len(l.slots) != 0 || len(l.open) != 0 {
		t.Errorf("%d connections are counted, %v", len(l.slots), l.open)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	Release(far) // that of another listener
}
