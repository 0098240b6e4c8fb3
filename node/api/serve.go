package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// The limits of a connection. Whoever needs longer is cut off, so that slow
// connections, meant or not, cannot use up what the node has.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second // of the whole request
	writeTimeout      = 30 * time.Second
	idleTimeout       = 60 * time.Second
	maxConnections    = 512
	maxOfAddress      = 64          // connections of one address that is not this machine's
	shutdownTimeout   = time.Second // for requests under way, in the end
)

// Serve answers the requests that come in on l until ctx ends; then those under
// way have a second to come to their end. It closes l and returns nil, or the
// error that made it stop before.
func (a *API) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           a.Handler(),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(limitListener(l, maxConnections, maxOfAddress)) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		_ = server.Close()
	}
	if err := <-stopped; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// limitListener returns a listener that has at most n connections open; others
// wait in the queue of the system. Of one address, other than loopback, it has
// at most each; further ones it closes, so that nobody can take all places.
func limitListener(l net.Listener, n, each int) net.Listener {
	return &limited{Listener: l, each: each, open: map[netip.Addr]int{}, slots: make(chan struct{}, n), closed: make(chan struct{})}
}

type limited struct {
	net.Listener
	slots  chan struct{}
	once   sync.Once
	closed chan struct{}

	each int
	mu   sync.Mutex
	open map[netip.Addr]int // connections by address
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			<-l.slots
			return nil, err
		}
		addr, ok := addressOf(conn.RemoteAddr().String())
		counted := ok && !addr.IsLoopback()
		if counted && !l.enter(addr) {
			_ = conn.Close()
			continue
		}
		return &limitedConn{Conn: conn, free: sync.OnceFunc(func() {
			if counted {
				l.leave(addr)
			}
			<-l.slots
		})}, nil
	}
}

// enter counts a connection of an address, if it may have one more.
func (l *limited) enter(addr netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[addr] >= l.each {
		return false
	}
	l.open[addr]++
	return true
}

func (l *limited) leave(addr netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[addr]--; l.open[addr] == 0 {
		delete(l.open, addr)
	}
}

func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitedConn struct {
	net.Conn
	free func()
}

func (c *limitedConn) Close() error {
	defer c.free()
	return c.Conn.Close()
}
