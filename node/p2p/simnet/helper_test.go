package simnet

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a network with two hosts, the second of which listens.
type world struct {
	t    *testing.T
	net  *Net
	a, b *Host
	l    net.Listener
}

func newWorld(t *testing.T, line Line) *world {
	t.Helper()
	n := New(1)
	t.Cleanup(n.Close)
	n.SetDefault(line)
	w := &world{t: t, net: n, a: n.Host(netip.MustParseAddr("10.0.0.1")), b: n.Host(netip.MustParseAddr("10.0.0.2"))}
	w.l = w.listen(w.b)
	return w
}

// inBubble runs do in virtual time, on a network with a line of this kind.
func inBubble(t *testing.T, line Line, do func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { do(t, newWorld(t, line)) })
}

func (w *world) listen(h *Host) net.Listener {
	w.t.Helper()
	l, err := h.Listen(":8699")
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// connect returns both sides of a new connection from a to b.
func (w *world) connect() (dialed, accepted net.Conn) {
	w.t.Helper()
	dialed, err := w.a.Dial(context.Background(), "10.0.0.2:8699")
	if err != nil {
		w.t.Fatal(err)
	}
	if accepted, err = w.l.Accept(); err != nil {
		w.t.Fatal(err)
	}
	return dialed, accepted
}

func (w *world) write(c net.Conn, text string) {
	w.t.Helper()
	if n, err := c.Write([]byte(text)); n != len(text) || err != nil {
		w.t.Fatalf("write of %d bytes: %d, %v", len(text), n, err)
	}
}

// read requires that c gives text next.
func (w *world) read(c net.Conn, text string) {
	w.t.Helper()
	b := make([]byte, len(text))
	if n, err := io.ReadFull(c, b); err != nil || string(b) != text {
		w.t.Fatalf("read %q, error %v, want %q", b[:n], err, text)
	}
}

// nothingIsLeft requires that both hosts have forgotten their connections.
func (w *world) nothingIsLeft() {
	w.t.Helper()
	time.Sleep(time.Minute)
	w.net.lock()
	defer w.net.unlock()
	pipes, conns := len(w.net.path(w.a, w.b).pipes)+len(w.net.path(w.b, w.a).pipes), len(w.a.conns)+len(w.b.conns)
	if pipes+conns != 0 {
		w.t.Errorf("%d pipes and %d connections are left", pipes, conns)
	}
}

// readsAll reads n bytes.
func (w *world) readsAll(c net.Conn, n int) {
	w.t.Helper()
	if _, err := io.ReadFull(c, make([]byte, n)); err != nil {
		w.t.Fatal(err)
	}
}

// took requires that exactly d have passed since start.
func (w *world) took(start time.Time, d time.Duration, what string) {
	w.t.Helper()
	if got := time.Since(start); got != d {
		w.t.Errorf("%s took %v, want %v", what, got, d)
	}
}

// readsNothing requires that nothing can be read from c for d.
func (w *world) readsNothing(c net.Conn, d time.Duration) {
	w.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(d))
	n, err := c.Read(make([]byte, 1))
	if e, ok := err.(net.Error); n != 0 || !ok || !e.Timeout() {
		w.t.Fatalf("read %d bytes, error %v, want a timeout", n, err)
	}
	_ = c.SetReadDeadline(time.Time{})
}
