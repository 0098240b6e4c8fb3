package simnet

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// minEphemeral is the first port of dials, and of listeners that ask for port 0.
const minEphemeral = 49152

// maxBacklog is how many connections of a listener wait for Accept. More are
// answered as by a host that does not answer.
const maxBacklog = 128

// How long a dial waits for an answer before it tries again, at first and at most.
const (
	firstRetry = time.Second
	maxRetry   = 8 * time.Second
)

// Host is a machine with one address. Safe for concurrent use.
type Host struct {
	net  *Net
	addr netip.Addr

	// The following are protected by net.mu.

	listeners map[uint16]*listener
	conns     map[*conn]struct{}
	dials     map[*dial]struct{}
	nextPort  uint16

	up, down   int64 // bytes per second, 0 for no limit
	upFree     time.Time
	active     []*pipe   // that have something to send, the next one first
	isPumping  bool      // an event will call pump
	arrived    []arrival // that wait for the download rate, the next one first
	isDraining bool      // an event will call drain

	isFrozen, isOff bool
	stats           Stats
}

// Stats are the bytes that a host has sent and received, without those that a fault
// took off the way.
type Stats struct{ Sent, Received uint64 }

func newHost(n *Net, addr netip.Addr) *Host {
	return &Host{
		net: n, addr: addr, listeners: map[uint16]*listener{}, conns: map[*conn]struct{}{}, dials: map[*dial]struct{}{},
		nextPort: minEphemeral,
	}
}

// Addr returns the address of the host.
func (h *Host) Addr() netip.Addr { return h.addr }

// Stats returns what the host has sent and received.
func (h *Host) Stats() Stats {
	h.net.lock()
	defer h.net.unlock()
	return h.stats
}

// SetRates limits what the host sends and receives, over all its connections, in
// bytes per second; 0 for no limit. What is being sent or received keeps its rate, for
// 50 ms or a byte at most.
func (h *Host) SetRates(up, down int64) {
	h.net.lock()
	defer h.net.unlock()
	h.up, h.down = up, down
}

// tcpAddr returns the address of a port of the host.
func (h *Host) tcpAddr(port uint16) *net.TCPAddr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(h.addr, port))
}

// ephemeral returns a port that no listener has.
func (h *Host) ephemeral() uint16 {
	for {
		port := h.nextPort
		if h.nextPort++; h.nextPort == 0 {
			h.nextPort = minEphemeral
		}
		if h.listeners[port] == nil {
			return port
		}
	}
}

// wakeAll wakes who waits for a connection, a listener or a dial of the host.
func (h *Host) wakeAll() {
	for c := range h.conns {
		c.wakeAll()
	}
	for _, l := range h.listeners {
		l.changed.Broadcast()
	}
	for d := range h.dials {
		d.changed.Broadcast()
	}
}

// errState returns why the host cannot use the network, nil if it can.
func (h *Host) errState() error {
	switch {
	case h.net.closed:
		return net.ErrClosed
	case h.isOff:
		return syscall.ENETDOWN
	}
	return nil
}

// Listen listens on addr, as ":28699" or with the host's address. With port 0 it
// chooses a port. Errors are [*net.OpError] with [syscall.EADDRINUSE],
// [syscall.EADDRNOTAVAIL], [syscall.ENETDOWN], [net.ErrClosed] or a [*net.AddrError].
func (h *Host) Listen(addr string) (net.Listener, error) {
	fail := func(err error) (net.Listener, error) {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: h.tcpAddr(0), Err: err}
	}
	ip, port, err := splitAddr(addr)
	if err != nil {
		return fail(err)
	}
	h.net.lock()
	defer h.net.unlock()
	if err := h.errState(); err != nil {
		return fail(err)
	}
	if ip.IsValid() && !ip.IsUnspecified() && ip != h.addr {
		return fail(syscall.EADDRNOTAVAIL)
	}
	if port == 0 {
		port = h.ephemeral()
	}
	if h.listeners[port] != nil {
		return fail(syscall.EADDRINUSE)
	}
	l := &listener{host: h, port: port, changed: sync.NewCond(&h.net.mu)}
	h.listeners[port] = l
	return l, nil
}

// splitAddr parses "host:port"; the address is invalid if there is none.
func splitAddr(addr string) (ip netip.Addr, port uint16, err error) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return ip, 0, err
	}
	number, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return ip, 0, &net.AddrError{Err: "invalid port, must be 0 to 65535", Addr: addr}
	}
	if host != "" {
		if ip, err = netip.ParseAddr(host); err != nil {
			return ip, 0, &net.AddrError{Err: "must be an IP address and a port", Addr: addr}
		}
	}
	return ip.Unmap(), uint16(number), nil
}

// listener is a net.Listener.
type listener struct {
	host    *Host
	port    uint16
	backlog []*conn // wait for Accept
	closed  bool
	changed *sync.Cond
}

// Addr returns the address of the listener, a [*net.TCPAddr].
func (l *listener) Addr() net.Addr { return l.host.tcpAddr(l.port) }

// Accept returns the next connection.
func (l *listener) Accept() (net.Conn, error) {
	n := l.host.net
	n.lock()
	defer n.unlock()
	for {
		switch {
		case l.closed:
			return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
		case len(l.backlog) > 0 && !l.host.isFrozen:
			c := l.backlog[0]
			l.backlog = l.backlog[1:]
			return c, nil
		}
		l.changed.Wait()
	}
}

// Close ends the listener, and resets the connections that wait for Accept.
func (l *listener) Close() error {
	n := l.host.net
	n.lock()
	defer n.unlock()
	if l.closed {
		return &net.OpError{Op: "close", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	}
	l.close()
	return nil
}

func (l *listener) close() {
	l.closed = true
	delete(l.host.listeners, l.port)
	for _, c := range l.backlog {
		if !c.closed {
			c.abort()
		}
	}
	l.backlog = nil
	l.changed.Broadcast()
}

// Dial connects to addr, an IP address and a port. Errors are [*net.OpError] with
// [syscall.ECONNREFUSED], [syscall.ENETDOWN], [net.ErrClosed] if this host is killed
// or the network closed, a [*net.AddrError], or the error of ctx.
func (h *Host) Dial(ctx context.Context, addr string) (net.Conn, error) {
	ip, port, err := splitAddr(addr)
	if err == nil && (!ip.IsValid() || port == 0) {
		err = &net.AddrError{Err: "must be an IP address and a port", Addr: addr}
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	h.net.lock()
	defer h.net.unlock()
	c, err := h.dial(ctx, ip, port)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, port)), Err: err}
	}
	return c, nil
}

func (h *Host) dial(ctx context.Context, ip netip.Addr, port uint16) (*conn, error) {
	if err := h.errState(); err != nil {
		return nil, err
	}
	n := h.net
	d := &dial{host: h, to: ip, port: port, retry: firstRetry, changed: sync.NewCond(&n.mu)}
	h.dials[d] = struct{}{}
	defer delete(h.dials, d)
	stop := context.AfterFunc(ctx, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		d.changed.Broadcast()
	})
	defer stop()
	d.try()
	n.settle()
	for {
		switch {
		case d.err == nil && ctx.Err() != nil:
			d.finish(ctx.Err())
			continue
		case d.isDone && (d.err != nil || !h.isFrozen):
			return d.conn, d.err
		}
		d.changed.Wait()
		n.settle()
	}
}

// dial is a connection in the making.
type dial struct {
	host  *Host
	to    netip.Addr
	port  uint16
	retry time.Duration // the wait after the next try

	conn    *conn // as soon as the other side has accepted it
	isDone  bool
	err     error
	changed *sync.Cond
}

// finish ends the dial, with an error or because the connection is there.
func (d *dial) finish(err error) {
	if err != nil && d.conn != nil {
		if !d.conn.closed {
			d.conn.abort()
		}
		d.conn = nil
	}
	d.isDone, d.err = true, err
	d.changed.Broadcast()
}

// try sends a request, and again later if there is no answer.
func (d *dial) try() {
	if d.isDone {
		return
	}
	n := d.host.net
	n.at(n.now.Add(d.retry), d.try)
	d.retry = min(2*d.retry, maxRetry)
	target := n.hosts[d.to]
	if target == nil {
		return
	}
	if way := n.path(d.host, target); !way.isBlocked() {
		n.at(n.now.Add(way.delay()), func() { d.arrive(target) })
	}
}

// arrive is the request at the other side.
func (d *dial) arrive(target *Host) {
	n := d.host.net
	there, back := n.path(d.host, target), n.path(target, d.host)
	if d.isDone || there.isBlocked() {
		return
	}
	l := target.listeners[d.port]
	switch {
	case d.conn != nil: // the answer was lost
	case l == nil:
		n.at(n.now.Add(back.delay()), func() {
			if !d.isDone && !back.isBlocked() {
				d.finish(syscall.ECONNREFUSED)
			}
		})
		return
	case len(l.backlog) == maxBacklog:
		return
	default:
		var accepted *conn
		d.conn, accepted = n.connect(d.host, target, d.port)
		l.backlog = append(l.backlog, accepted)
		l.changed.Broadcast()
	}
	n.at(n.now.Add(back.delay()), func() {
		if !d.isDone && !back.isBlocked() {
			d.finish(nil)
		}
	})
}
