package simnet

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"stele/internal/netguard"
)

// Connections do what the tests of Go's network expect of any net.Conn.
func TestConn(t *testing.T) {
	for name, line := range map[string]Line{
		"direct":  {},
		"delayed": {Latency: 100 * time.Microsecond, Jitter: 100 * time.Microsecond},
		"limited": {Latency: 100 * time.Microsecond, Rate: 50_000_000},
	} {
		t.Run(name, func(t *testing.T) {
			nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
				w := newWorld(t, line)
				c1, c2 = w.connect()
				return c1, c2, w.net.Close, nil
			})
		})
	}
}

// A dial and an answer take a round trip each, exactly.
func TestLatency(t *testing.T) {
	const latency = 50 * time.Millisecond
	inBubble(t, Line{Latency: latency}, func(t *testing.T, w *world) {
		start := time.Now()
		a, b := w.connect()
		w.took(start, 2*latency, "the dial")
		start = time.Now()
		w.write(a, "ping")
		w.took(start, 0, "the write")
		w.read(b, "ping")
		w.took(start, latency, "one way")
		w.write(b, "pong")
		w.read(a, "pong")
		w.took(start, 2*latency, "the round trip")
	})
}

func TestAddresses(t *testing.T) {
	inBubble(t, Line{}, func(t *testing.T, w *world) {
		a, b := w.connect()
		if a.RemoteAddr().String() != "10.0.0.2:8699" || b.LocalAddr().String() != "10.0.0.2:8699" || w.l.Addr().String() != "10.0.0.2:8699" {
			t.Errorf("the listener is %v, the connection goes to %v and %v", w.l.Addr(), a.RemoteAddr(), b.LocalAddr())
		}
		if a.LocalAddr().String() != b.RemoteAddr().String() || a.LocalAddr().Network() != "tcp" {
			t.Errorf("the dialing side is %v and %v", a.LocalAddr(), b.RemoteAddr())
		}
		if addr, ok := netguard.Address(b.RemoteAddr().String()); !ok || addr != w.a.Addr() {
			t.Errorf("netguard counts %v as %v, %v", b.RemoteAddr(), addr, ok)
		}
		if h := w.net.Host(netip.MustParseAddr("::ffff:10.0.0.1")); h != w.a {
			t.Error("a mapped address is another host")
		}
	})
}

// A transfer takes as long as the slowest rate on its way asks for.
func TestRates(t *testing.T) {
	const size, latency = 1_000_000, 50 * time.Millisecond
	for _, c := range []struct {
		name           string
		up, down, line int64
		want           time.Duration
	}{
		{"no limit", 0, 0, 0, 0},
		{"upload", 1_250_000, 0, 0, 800 * time.Millisecond},
		{"download", 0, 1_250_000, 0, 800 * time.Millisecond},
		{"line", 0, 0, 1_250_000, 800 * time.Millisecond},
		{"all", 2_500_000, 1_250_000, 5_000_000, 800 * time.Millisecond},
	} {
		inBubble(t, Line{Latency: latency, Rate: c.line}, func(t *testing.T, w *world) {
			a, b := w.connect()
			w.a.SetRates(c.up, 0)
			w.b.SetRates(0, c.down)
			start := time.Now()
			go func() { _, _ = a.Write(make([]byte, size)) }()
			if _, err := io.ReadFull(b, make([]byte, size)); err != nil {
				t.Fatal(err)
			}
			// The last chunk, of at most 16 kB, passes the rates one after the other.
			got, slack := time.Since(start)-latency, 20*time.Millisecond
			if c.name != "no limit" && (got < c.want || got > c.want+slack) {
				t.Errorf("%s: %v without the latency, want %v to %v", c.name, got, c.want, c.want+slack)
			}
			if sent, received := w.a.Stats().Sent, w.b.Stats().Received; sent != size || received != size {
				t.Errorf("%s: %d bytes sent, %d received, want %d", c.name, sent, received, size)
			}
		})
	}
}

// Connections of a host share its upload rate evenly.
func TestSharedRate(t *testing.T) {
	const conns, size = 4, 250_000
	inBubble(t, Line{Latency: time.Millisecond}, func(t *testing.T, w *world) {
		var pairs [conns][2]net.Conn
		for i := range pairs {
			pairs[i][0], pairs[i][1] = w.connect()
		}
		w.a.SetRates(1_000_000, 0)
		start := time.Now()
		var wg sync.WaitGroup
		for _, p := range pairs {
			go func() { _, _ = p[0].Write(make([]byte, size)) }()
			wg.Go(func() {
				_, _ = io.ReadFull(p[1], make([]byte, size))
				if d := time.Since(start); d < 900*time.Millisecond || d > 1100*time.Millisecond {
					t.Errorf("a quarter of the traffic took %v, want about 1s", d)
				}
			})
		}
		wg.Wait()
	})
}

// A slow line gives single bytes, and takes a new rate from the next one on.
func TestOneBytePerSecond(t *testing.T) {
	inBubble(t, Line{}, func(t *testing.T, w *world) {
		a, b := w.connect()
		w.a.SetRates(1, 0)
		start := time.Now()
		w.write(a, strings.Repeat("x", 100_000))
		w.read(b, "x")
		w.took(start, time.Second, "a byte")
		w.read(b, "xxxxxxxxx")
		w.took(start, 10*time.Second, "10 bytes")
		w.a.SetRates(0, 0)
		w.read(b, strings.Repeat("x", 99_990))
		w.took(start, 11*time.Second, "the rest without a limit")
	})
}

// A receiver that was slow for a while takes its new rate at once, also for what was on
// the way when it became slow, and for what several connections sent meanwhile.
func TestReceiverIsSlowForAWhile(t *testing.T) {
	inBubble(t, Line{Latency: 50 * time.Millisecond}, func(t *testing.T, w *world) {
		a1, b1 := w.connect()
		a2, b2 := w.connect()
		w.write(a1, strings.Repeat("x", 1000)) // in one chunk, as nothing is slow yet
		w.b.SetRates(0, 1)
		w.write(a1, strings.Repeat("y", 100))
		w.write(a2, strings.Repeat("z", 100))
		time.Sleep(5*time.Second + 100*time.Millisecond)
		w.b.SetRates(0, 0)
		raised := time.Now()
		w.read(b1, strings.Repeat("x", 1000)+strings.Repeat("y", 100))
		w.read(b2, strings.Repeat("z", 100))
		if d := time.Since(raised); d > 1100*time.Millisecond {
			t.Errorf("the rest took %v, want at most the byte under way and the latency", d)
		}
	})
}

// Jitter follows from the seed.
func TestJitter(t *testing.T) {
	delays := func(seed uint64) (all []time.Duration) {
		inBubble(t, Line{Latency: 10 * time.Millisecond, Jitter: 5 * time.Millisecond}, func(t *testing.T, w *world) {
			w.net.seed = seed
			a, b := w.connect()
			for range 50 {
				start := time.Now()
				w.write(a, "x")
				w.read(b, "x")
				d := time.Since(start)
				if d < 10*time.Millisecond || d > 15*time.Millisecond {
					t.Errorf("a delay of %v, want 10ms to 15ms", d)
				}
				all = append(all, d)
			}
		})
		return all
	}
	first, again, other := delays(1), delays(1), delays(2)
	same := 0
	for i := range first {
		if first[i] != again[i] {
			t.Fatalf("delay %d is %v, and %v with the same seed", i, first[i], again[i])
		}
		if first[i] == other[i] {
			same++
		}
	}
	if same > 5 {
		t.Errorf("%d of %d delays are the same with another seed", same, len(first))
	}
}

// A Write blocks when the receiver does not read, until it reads or a deadline passes.
func TestWindow(t *testing.T) {
	inBubble(t, Line{Latency: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		a, b := w.connect()
		_ = a.SetWriteDeadline(time.Now().Add(time.Minute))
		start := time.Now()
		n, err := a.Write(make([]byte, 2*window))
		if n != window || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("wrote %d bytes, error %v, want %d and a timeout", n, err, window)
		}
		w.took(start, time.Minute, "the write")
		_ = a.SetWriteDeadline(time.Time{})
		w.readsAll(b, window)
		w.write(a, "more")
		w.read(b, "more")
	})
}

// Calls of Write do not mix their bytes.
func TestConcurrentWrites(t *testing.T) {
	inBubble(t, Line{Rate: 10_000_000}, func(t *testing.T, w *world) {
		const size = 100_000
		a, b := w.connect()
		for i := range 10 {
			go func() { _, _ = a.Write(bytes.Repeat([]byte{byte(i)}, size)) }()
		}
		for range 10 {
			got := make([]byte, size)
			if _, err := io.ReadFull(b, got); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, bytes.Repeat(got[:1], size)) {
				t.Fatal("the bytes of two writes are mixed")
			}
		}
	})
}

// What was written before Close arrives, then the end.
func TestClose(t *testing.T) {
	inBubble(t, Line{Latency: 20 * time.Millisecond, Rate: 100_000}, func(t *testing.T, w *world) {
		a, b := w.connect()
		w.write(a, strings.Repeat("x", 50_000))
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(b)
		if len(got) != 50_000 || err != nil {
			t.Errorf("%d bytes and error %v before the end", len(got), err)
		}
		for _, use := range []func() error{
			a.Close,
			func() error { _, err := a.Read(make([]byte, 1)); return err },
			func() error { _, err := a.Write([]byte("x")); return err },
			func() error { return a.SetDeadline(time.Now()) },
			a.(*conn).CloseWrite,
		} {
			if err := use(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("use after Close: error %v, want %v", err, net.ErrClosed)
			}
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		w.nothingIsLeft()
	})
}

// CloseWrite ends one direction only.
func TestCloseWrite(t *testing.T) {
	inBubble(t, Line{Latency: 20 * time.Millisecond}, func(t *testing.T, w *world) {
		a, b := w.connect()
		w.write(a, "question")
		if err := a.(*conn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(b); string(got) != "question" || err != nil {
			t.Errorf("read %q, error %v", got, err)
		}
		w.write(b, "answer")
		w.read(a, "answer")
		if _, err := a.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("write after CloseWrite: error %v, want %v", err, syscall.EPIPE)
		}
	})
}

// Close with unread data, or before data arrives, resets the connection.
func TestReset(t *testing.T) {
	for _, unread := range []bool{true, false} {
		inBubble(t, Line{Latency: 20 * time.Millisecond}, func(t *testing.T, w *world) {
			a, b := w.connect()
			if unread {
				w.write(a, "x")
				time.Sleep(time.Second)
			}
			w.write(b, "before the close")
			_ = b.Close()
			if !unread {
				w.write(a, "x")
			}
			time.Sleep(time.Second)
			if !unread {
				w.read(a, "before the close")
			}
			// What was on the way with the reset can still be read.
			_, err := io.ReadAll(a)
			if !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("unread %v: read error %v, want %v", unread, err, syscall.ECONNRESET)
			}
			if _, err = a.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("unread %v: write error %v, want %v", unread, err, syscall.ECONNRESET)
			}
			if err := a.(*conn).CloseWrite(); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("unread %v: CloseWrite error %v, want %v", unread, err, syscall.ECONNRESET)
			}
			if err := a.Close(); err != nil {
				t.Error(err)
			}
			w.nothingIsLeft()
		})
	}
}

// A reset overtakes what was not sent yet.
func TestResetDropsQueue(t *testing.T) {
	inBubble(t, Line{Latency: 20 * time.Millisecond}, func(t *testing.T, w *world) {
		a, b := w.connect()
		w.b.SetRates(1, 0)
		w.write(a, "unread")
		w.write(a, strings.Repeat("x", 1000))
		w.a.SetRates(1, 0)
		w.write(b, "0123456789")
		time.Sleep(1500 * time.Millisecond)
		w.write(a, "not sent any more")
		_ = b.Close()
		got, err := io.ReadAll(a)
		if string(got) != "01" || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read %q, error %v, want what was sent before the reset", got, err)
		}
		_ = a.Close()
		w.nothingIsLeft()
	})
}

func TestDialErrors(t *testing.T) {
	inBubble(t, Line{Latency: 20 * time.Millisecond}, func(t *testing.T, w *world) {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		canceled, cancelNow := context.WithCancel(context.Background())
		cancelNow()
		for _, c := range []struct {
			ctx  context.Context
			addr string
			want error
			took time.Duration
		}{
			{ctx, "10.0.0.2:1", syscall.ECONNREFUSED, 40 * time.Millisecond},
			{canceled, "10.0.0.2:8699", context.Canceled, 0},
			{ctx, "10.0.0.9:8699", context.DeadlineExceeded, 30*time.Second - 40*time.Millisecond},
		} {
			start := time.Now()
			conn, err := w.a.Dial(c.ctx, c.addr)
			if conn != nil || !errors.Is(err, c.want) {
				t.Errorf("%s: %v, error %v, want %v", c.addr, conn, err, c.want)
			}
			w.took(start, c.took, c.addr)
		}
		for _, addr := range []string{"", "10.0.0.2", "10.0.0.2:x", "10.0.0.2:65536", "host:80", ":80", "10.0.0.2:0"} {
			var addrErr *net.AddrError
			if _, err := w.a.Dial(ctx, addr); !errors.As(err, &addrErr) {
				t.Errorf("%q: error %v", addr, err)
			}
		}
	})
}

// A dial that is given up while its answer is on the way leaves no connection.
func TestDialGivenUp(t *testing.T) {
	inBubble(t, Line{Latency: 20 * time.Millisecond}, func(t *testing.T, w *world) {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
		defer cancel()
		if _, err := w.a.Dial(ctx, "10.0.0.2:8699"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		c, err := w.l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read error %v, want %v", err, syscall.ECONNRESET)
		}
	})
}

func TestListen(t *testing.T) {
	inBubble(t, Line{}, func(t *testing.T, w *world) {
		for addr, want := range map[string]error{":8699": syscall.EADDRINUSE, "10.0.0.1:1": syscall.EADDRNOTAVAIL} {
			if _, err := w.b.Listen(addr); !errors.Is(err, want) {
				t.Errorf("%s: error %v, want %v", addr, err, want)
			}
		}
		if _, err := w.b.Listen("nonsense"); err == nil {
			t.Error("listens on nonsense")
		}
		other, err := w.b.Listen("0.0.0.0:0")
		if err != nil {
			t.Fatal(err)
		}
		if port := other.Addr().(*net.TCPAddr).Port; port < minEphemeral {
			t.Errorf("port %d", port)
		}
		go func() {
			time.Sleep(time.Second)
			_ = w.l.Close()
		}()
		if _, err := w.l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept: error %v, want %v", err, net.ErrClosed)
		}
		if err := w.l.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close: error %v, want %v", err, net.ErrClosed)
		}
		if _, err := w.b.Listen(":8699"); err != nil {
			t.Errorf("after Close: %v", err)
		}
	})
}

// A listener that nobody serves has a queue of bounded length; further dials wait.
func TestBacklog(t *testing.T) {
	inBubble(t, Line{Latency: time.Millisecond}, func(t *testing.T, w *world) {
		for i := range maxBacklog {
			if _, err := w.a.Dial(t.Context(), "10.0.0.2:8699"); err != nil {
				t.Fatalf("dial %d: %v", i, err)
			}
		}
		start := time.Now()
		go func() {
			time.Sleep(500 * time.Millisecond)
			_, _ = w.l.Accept()
		}()
		c, err := w.a.Dial(t.Context(), "10.0.0.2:8699")
		if err != nil {
			t.Fatal(err)
		}
		w.took(start, firstRetry+2*time.Millisecond, "the dial")
		_ = w.l.Close()
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("closed listener: read error %v, want %v", err, syscall.ECONNRESET)
		}
	})
}

// The TLS of the standard library runs over a connection, in virtual time.
func TestTLS(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.CreateCertificate(nil, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{}, public, private)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: private}},
		ClientAuth:   tls.RequireAnyClientCert, InsecureSkipVerify: true,
	}
	const latency = 50 * time.Millisecond
	inBubble(t, Line{Latency: latency}, func(t *testing.T, w *world) {
		a, b := w.connect()
		client, server := tls.Client(a, config), tls.Server(b, config)
		start := time.Now()
		go func() {
			_, _ = server.Write(bytes.Repeat([]byte("stele"), 200_000))
			_ = server.Close()
		}()
		if err := client.HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.took(start, 2*latency, "the handshake")
		if got, err := io.ReadAll(client); len(got) != 1_000_000 || err != nil {
			t.Errorf("%d bytes, error %v", len(got), err)
		}
	})
}

func TestEmpty(t *testing.T) {
	inBubble(t, Line{}, func(t *testing.T, w *world) {
		a, _ := w.connect()
		if n, err := a.Read(nil); n != 0 || err != nil {
			t.Errorf("empty read: %d, %v", n, err)
		}
		if n, err := a.Write(nil); n != 0 || err != nil {
			t.Errorf("empty write: %d, %v", n, err)
		}
	})
}

// A new default holds for lines in use, but not for those that have their own.
func TestSetDefault(t *testing.T) {
	inBubble(t, Line{Latency: 50 * time.Millisecond}, func(t *testing.T, w *world) {
		a, b := w.connect()
		oneWay := func(want time.Duration) {
			t.Helper()
			start := time.Now()
			w.write(a, "x")
			w.read(b, "x")
			w.took(start, want, "one way")
		}
		w.net.SetDefault(Line{Latency: 10 * time.Millisecond})
		oneWay(10 * time.Millisecond)
		w.net.SetLine(w.a, w.b, Line{Latency: 20 * time.Millisecond})
		w.net.SetDefault(Line{Latency: 30 * time.Millisecond})
		oneWay(20 * time.Millisecond)
	})
}

// Dials use no port on which the host listens.
func TestEphemeralPort(t *testing.T) {
	inBubble(t, Line{}, func(t *testing.T, w *world) {
		if _, err := w.a.Listen(":49152"); err != nil {
			t.Fatal(err)
		}
		w.a.nextPort = 65535
		for _, want := range []int{65535, 49153, 49154} {
			c, _ := w.connect()
			if got := c.LocalAddr().(*net.TCPAddr).Port; got != want {
				t.Errorf("port %d, want %d", got, want)
			}
		}
	})
}
