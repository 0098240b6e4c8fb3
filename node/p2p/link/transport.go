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

// TCP is the transport of the operating system. Dial takes 5 s at most. Listen has no
// limit of connections: netguard.Limit adds it.
type TCP struct{}

var _ Transport = TCP{}

// Dial implements [Transport].
func (TCP) Dial(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second}
	return d.DialContext(ctx, "tcp", addr)
}

// Listen implements [Transport].
func (TCP) Listen(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }
