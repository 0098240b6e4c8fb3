package netguard

import (
	"net"
	"net/netip"
	"sync"
)

// Limit returns a listener that has at most all connections open, 1 or more;
// further ones wait in the queue of the system. Of one [Address] it has at most
// perAddress open and closes further ones at once, so that no client can use up
// the total. Addresses of this machine have no limit of their own, nor have those for
// which exempt returns true, and with perAddress 0 none has. Exempt gets the address of
// each connection, such as 192.0.2.1:4711; nil exempts none.
//
// A connection counts until it is closed, or until [Release]. Safe for concurrent use.
func Limit(l net.Listener, all, perAddress int, exempt func(remote string) bool) net.Listener {
	return &listener{Listener: l, perAddress: perAddress, exempt: exempt, open: map[netip.Addr]int{}, slots: make(chan struct{}, all), closed: make(chan struct{})}
}

type listener struct {
	net.Listener
	slots  chan struct{} // one for each connection
	once   sync.Once
	closed chan struct{}

	perAddress int
	exempt     func(remote string) bool // nil: none
	mu         sync.Mutex
	open       map[netip.Addr]int // connections by address
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			<-l.slots
			return nil, err
		}
		remote := c.RemoteAddr().String()
		addr, ok := Address(remote)
		counted := ok && !addr.IsLoopback() && l.perAddress > 0 && (l.exempt == nil || !l.exempt(remote))
		if counted && !l.enter(addr) {
			_ = c.Close()
			continue
		}
		return &conn{Conn: c, free: sync.OnceFunc(func() {
			if counted {
				l.leave(addr)
			}
			<-l.slots
		})}, nil
	}
}

// enter counts a connection of an address. It returns false if the address is at
// its limit.
func (l *listener) enter(addr netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[addr] >= l.perAddress {
		return false
	}
	l.open[addr]++
	return true
}

func (l *listener) leave(addr netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[addr]--; l.open[addr] == 0 {
		delete(l.open, addr)
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type conn struct {
	net.Conn
	free func()
}

func (c *conn) Close() error {
	defer c.free()
	return c.Conn.Close()
}

// Release lets a connection of [Limit] no longer count, so that another takes its place:
// the caller bounds its kind of connections itself. Safe for concurrent use.
func Release(c net.Conn) {
	if c, ok := c.(*conn); ok {
		c.free()
	}
}
