package netguard

import (
	"net"
	"net/netip"
	"sync"
)

// Limit returns a listener that has at most all connections open, 1 or more;
// further ones wait in the queue of the system. Of one [Address] it has at most
// perAddress open and closes further ones at once, so that no client can use up
// the total. Addresses of this machine and exempt ones have no limit of their
// own, and with perAddress 0 none has.
//
// A connection counts until it is closed, or until [Release]. Safe for concurrent use.
func Limit(l net.Listener, all, perAddress int, exempt Proxies) net.Listener {
	return &listener{Listener: l, perAddress: perAddress, exempt: exempt, open: map[netip.Addr]int{}, slots: make(chan struct{}, all), closed: make(chan struct{})}
}

type listener struct {
	net.Listener
	slots  chan struct{} // one for each connection
	once   sync.Once
	closed chan struct{}

	perAddress int
	exempt     Proxies
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
		counted := ok && !addr.IsLoopback() && l.perAddress > 0 && !l.exempt.Trust(remote)
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
