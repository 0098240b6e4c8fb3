package stratum

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener for connections in memory, whose time a test controls.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return nil }

type peer struct {
	net.Conn
	addr string
}

func (p peer) RemoteAddr() net.Addr {
	a, err := net.ResolveTCPAddr("tcp", p.addr)
	if err != nil {
		panic(err)
	}
	return a
}

// A miner that sends more than its share of lines is read more slowly, however
// many connections it has; others, and those of this machine, do not wait.
func TestFlood(t *testing.T) {
	for _, c := range []struct {
		name         string
		peers, lines int // lines of each
		addr         string
		want         time.Duration
	}{
		{"a miner", 1, linesAtOnce, "192.0.2.1:1", 0},
		{"a connection", 1, linesAtOnce + 3*linesPerSecond, "192.0.2.1:1", 3 * time.Second},
		{"a farm", 10, addressLinesAtOnce / 10, "192.0.2.1:1", 0},
		{"an address", 10, (addressLinesAtOnce + 2*addressLinesPerSecond) / 10, "192.0.2.1:1", 2 * time.Second},
		{"this machine", 10, (addressLinesAtOnce + 2*addressLinesPerSecond) / 10, "127.0.0.1:1", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				listener, ended := make(pipes), make(chan error)
				go func() { ended <- New(Options{}).Serve(ctx, listener) }()
				start := time.Now()
				var all sync.WaitGroup
				for range c.peers {
					here, there := net.Pipe()
					defer here.Close()
					listener <- peer{there, c.addr}
					all.Go(func() {
						_, _ = io.WriteString(here, strings.Repeat("{\"id\":1,\"method\":\"mining.ping\"}\n", c.lines))
					})
					all.Go(func() {
						answers := bufio.NewScanner(here)
						for n := 0; n < c.lines; n++ {
							if !answers.Scan() {
								t.Errorf("the connection ended after %d lines", n)
								return
							}
						}
					})
				}
				all.Wait()
				if got := time.Since(start); got < c.want-100*time.Millisecond || got > c.want+100*time.Millisecond {
					t.Errorf("answered after %v, want %v", got, c.want)
				}
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
