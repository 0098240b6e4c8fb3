package api

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stele/node/feed"
)

// pipes is a listener of connections in memory, which have no buffers.
type pipes struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (l *pipes) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// dial opens a stream and reads its greeting.
func (l *pipes) dial(t *testing.T) net.Conn {
	t.Helper()
	near, far := net.Pipe()
	l.conns <- far
	if _, err := io.WriteString(near, "GET /v1/events?kind=alert HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	read(t, near, "retry: 2000")
	return near
}

// read reads until a text has come.
func read(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got := ""
	for buffer := make([]byte, 1024); !strings.Contains(got, want); {
		n, err := c.Read(buffer)
		if err != nil {
			t.Fatalf("%v after %q", err, got)
		}
		got += string(buffer[:n])
	}
}

// A stream without events shows every 15 seconds that it is alive, for longer than any
// other request may take. A client that does not read is disconnected after 10 seconds,
// and disturbs no other.
func TestStreamsInTime(t *testing.T) {
	s := newService(t)
	synctest.Test(t, func(t *testing.T) {
		o := s.options
		o.Feed = feed.New(feed.Options{Chain: s.chain})
		a, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		var running sync.WaitGroup
		running.Go(func() {
			if err := a.Serve(ctx, l); err != nil {
				t.Error(err)
			}
		})
		running.Go(func() {
			if err := o.Feed.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		c := l.dial(t)
		begun := time.Now()
		for range 10 {
			read(t, c, "\nid: ")
		}
		if took := time.Since(begun); took < 9*heartbeatEvery || took > 10*heartbeatEvery {
			t.Errorf("ten signs of life took %v", took)
		}
		slow := l.dial(t)
		begun = time.Now()
		o.Feed.Publish(feed.KindAlert, map[string]string{"text": strings.Repeat("x", 10_000)})
		read(t, c, "event: alert")
		if took := time.Since(begun); took > time.Second {
			t.Errorf("another client gets an event after %v", took)
		}
		if n := o.Feed.Stats().Readers; n != 2 {
			t.Errorf("%d readers", n)
		}
		go func() { _, _ = io.Copy(io.Discard, c) }()
		time.Sleep(streamWriteTimeout + time.Second)
		if n := o.Feed.Stats().Readers; n != 1 || a.streams.total != 1 {
			t.Errorf("%d readers, %d streams after the timeout", n, a.streams.total)
		}
		cancel()
		running.Wait()
		_ = slow.Close()
		_ = c.Close()
	})
}
