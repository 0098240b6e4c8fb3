package link

import (
	"context"
	"net"
	"time"
)

// Transport makes connections that are not secured yet. An address is host:port.
// Implementations are safe for concurrent use.
type Transport interface {
	// Dial connects to an address.
	Dial(ctx context.Context, addr string) (net.Conn, error)
	// Listen listens on an address.
	Listen(addr string) (net.Listener, error)
}

// A connection on which nothing gets through is closed after lostTime, on both sides: by
// keepalive probes if nothing waits to be acknowledged, else by a timeout of the system.
// TCP by itself sends lost data again after longer and longer times: when a way of 30 s
// ago works again, it would go on up to 30 s later. A new connection is faster.
const (
	lostTime  = 15 * time.Second
	probeIdle = 5 * time.Second
	probes    = 2
)

var keepAlive = net.KeepAliveConfig{Enable: true, Idle: probeIdle, Interval: (lostTime - probeIdle) / probes, Count: probes}

// TCP is the transport of the operating system. Dial takes 5 s at most. Listen has no
// limit of connections: netguard.Limit adds it. Connections on which nothing gets through
// for 15 s are closed.
type TCP struct{}

var _ Transport = TCP{}

// Dial implements [Transport].
func (TCP) Dial(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second, KeepAliveConfig: keepAlive, Control: setLostTime}
	return d.DialContext(ctx, "tcp", addr)
}

// Listen implements [Transport].
func (TCP) Listen(addr string) (net.Listener, error) {
	// The connections inherit what Control sets, but for those of a multipath listener.
	c := net.ListenConfig{KeepAliveConfig: keepAlive, Control: setLostTime}
	c.SetMultipathTCP(false)
	return c.Listen(context.Background(), "tcp", addr)
}
