package simnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// What is on the way when the line is cut arrives after it has healed, in order. What
// had arrived before can be read during the cut.
func TestCut(t *testing.T) {
	inBubble(t, Line{Latency: 50 * time.Millisecond}, func(t *testing.T, w *world) {
		a, b := w.connect()
		w.write(a, "arrived ")
		time.Sleep(60 * time.Millisecond)
		w.write(a, "on the way ")
		time.Sleep(20 * time.Millisecond)
		w.net.Cut(w.a, w.b)
		w.write(a, "during the cut")
		w.write(b, "back")
		w.read(b, "arrived ")
		w.readsNothing(b, time.Hour)
		w.readsNothing(a, time.Hour)
		w.net.Heal(w.b, w.a)
		start := time.Now()
		w.read(b, "on the way during the cut")
		w.read(a, "back")
		w.took(start, 50*time.Millisecond, "healing")
	})
}

// A line that is cut in one direction carries the other.
func TestCutOneWay(t *testing.T) {
	inBubble(t, Line{Latency: 50 * time.Millisecond}, func(t *testing.T, w *world) {
		a, b := w.connect()
		w.net.CutOneWay(w.a, w.b)
		w.write(b, "one way")
		w.read(a, "one way")
		w.write(a, "the other")
		w.readsNothing(b, time.Hour)
		w.net.HealAll()
		w.read(b, "the other")
	})
}

// A cut loses what waits for a slow download, too.
func TestCutSlowDownload(t *testing.T) {
	inBubble(t, Line{}, func(t *testing.T, w *world) {
		a, b := w.connect()
		w.b.SetRates(0, 1)
		w.write(a, "0123456789")
		time.Sleep(3500 * time.Millisecond)
		w.net.Cut(w.a, w.b)
		w.read(b, "012")
		w.readsNothing(b, time.Hour)
		w.net.Heal(w.a, w.b)
		start := time.Now()
		w.read(b, "3456789")
		w.took(start, 7*time.Second, "the rest")
	})
}

// A reset that is on the way when the line is cut is lost.
func TestCutReset(t *testing.T) {
	inBubble(t, Line{Latency: 50 * time.Millisecond}, func(t *testing.T, w *world) {
		a, b := w.connect()
		w.write(a, "unread")
		time.Sleep(time.Second)
		w.write(b, "lost as well, as nobody sends it again")
		_ = b.Close()
		time.Sleep(20 * time.Millisecond)
		w.net.Cut(w.a, w.b)
		time.Sleep(time.Second)
		w.net.Heal(w.a, w.b)
		w.readsNothing(a, time.Hour)
	})
}

// A side that closes during a cut leaves the other half-open, until that sends.
func TestHalfOpen(t *testing.T) {
	inBubble(t, Line{Latency: 50 * time.Millisecond}, func(t *testing.T, w *world) {
		a, b := w.connect()
		w.write(a, "unread")
		time.Sleep(time.Second)
		w.net.Cut(w.a, w.b)
		_ = b.Close() // with a reset, which is lost
		w.readsNothing(a, time.Hour)
		w.net.Heal(w.a, w.b)
		w.readsNothing(a, time.Hour)
		w.write(a, "x")
		start := time.Now()
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read error %v, want %v", err, syscall.ECONNRESET)
		}
		w.took(start, 100*time.Millisecond, "the reset")
	})
}

// A dial during a cut succeeds if the line heals in time.
func TestDialDuringCut(t *testing.T) {
	for _, oneWay := range []bool{false, true} {
		inBubble(t, Line{Latency: 50 * time.Millisecond}, func(t *testing.T, w *world) {
			if oneWay {
				w.net.CutOneWay(w.b, w.a) // the answer is lost
			} else {
				w.net.Cut(w.a, w.b)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if _, err := w.a.Dial(ctx, "10.0.0.2:8699"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v, want %v", err, context.DeadlineExceeded)
			}
			start := time.Now()
			go func() {
				time.Sleep(2 * time.Second)
				w.net.Heal(w.a, w.b)
			}()
			c, err := w.a.Dial(t.Context(), "10.0.0.2:8699")
			if err != nil {
				t.Fatal(err)
			}
			w.took(start, 3*time.Second+100*time.Millisecond, "the dial") // the third try
			w.write(c, "x")
			want := 1
			if oneWay {
				want = 2 // the first dial, whose end was lost, and this one
			}
			w.net.lock()
			defer w.net.unlock()
			if got := len(w.l.(*listener).backlog); got != want {
				t.Errorf("%d connections wait for Accept, want %d", got, want)
			}
		})
	}
}

// The buffers of a frozen host fill, and it goes on where it was.
func TestFreeze(t *testing.T) {
	inBubble(t, Line{Latency: 50 * time.Millisecond}, func(t *testing.T, w *world) {
		a, b := w.connect()
		text := strings.Repeat("0123456789", window/10)
		w.write(a, text)
		w.b.Freeze()
		if _, err := w.a.Dial(t.Context(), "10.0.0.2:8699"); err != nil {
			t.Errorf("the system of a frozen process does not connect: %v", err)
		}
		_ = a.SetWriteDeadline(time.Now().Add(time.Hour))
		if n, err := a.Write([]byte("0123456789abcdef")); n >= 16 || err == nil {
			t.Errorf("wrote %d bytes into a full buffer", n)
		}
		w.readsNothing(b, time.Minute)
		start := time.Now()
		time.AfterFunc(time.Minute, w.b.Thaw)
		if c, err := w.l.Accept(); err != nil {
			t.Errorf("Accept: %v, %v", c, err)
		}
		w.took(start, time.Minute, "the accept")
		w.read(b, text)

		w.a.Freeze()
		time.AfterFunc(time.Minute, w.a.Thaw)
		start = time.Now()
		if _, err := w.a.Dial(t.Context(), "10.0.0.2:8699"); err != nil {
			t.Error(err)
		}
		w.took(start, time.Minute, "the dial of a frozen host")
	})
}

// The peers of a killed process see the end, and another one can start.
func TestKill(t *testing.T) {
	inBubble(t, Line{Latency: 50 * time.Millisecond}, func(t *testing.T, w *world) {
		a, b := w.connect()
		a2, _ := w.connect()
		w.write(a2, "unread")
		time.Sleep(time.Second)
		start := time.Now()
		errs := make(chan error, 1)
		go func() {
			_, err := b.Read(make([]byte, 1))
			errs <- err
		}()
		synctest.Wait()
		w.b.Freeze()
		w.b.Kill()
		if err := <-errs; !errors.Is(err, net.ErrClosed) {
			t.Errorf("read of the killed process: error %v, want %v", err, net.ErrClosed)
		}
		if _, err := a.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("read error %v, want EOF", err)
		}
		if _, err := a2.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read error with unread data %v, want %v", err, syscall.ECONNRESET)
		}
		w.took(start, 50*time.Millisecond, "the end")
		if _, err := w.a.Dial(t.Context(), "10.0.0.2:8699"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial error %v, want %v", err, syscall.ECONNREFUSED)
		}
		w.l = w.listen(w.b)
		a, b = w.connect()
		w.write(a, "again")
		w.read(b, "again")
	})
}

// A process that is killed while it dials leaves nothing.
func TestKillDialing(t *testing.T) {
	inBubble(t, Line{Latency: 50 * time.Millisecond}, func(t *testing.T, w *world) {
		time.AfterFunc(70*time.Millisecond, w.a.Kill) // the answer is on the way
		if _, err := w.a.Dial(t.Context(), "10.0.0.2:8699"); !errors.Is(err, net.ErrClosed) {
			t.Errorf("dial error %v, want %v", err, net.ErrClosed)
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

// The peers of a machine without power notice nothing, until it is back and they send.
func TestPowerOff(t *testing.T) {
	inBubble(t, Line{Latency: 50 * time.Millisecond}, func(t *testing.T, w *world) {
		a, b := w.connect()
		w.write(a, "on the way")
		w.b.PowerOff()
		for name, use := range map[string]func() error{
			"read":   func() error { _, err := b.Read(make([]byte, 1)); return err },
			"accept": func() error { _, err := w.l.Accept(); return err },
		} {
			if err := use(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s on the machine: error %v, want %v", name, err, net.ErrClosed)
			}
		}
		if _, err := w.b.Listen(":1"); !errors.Is(err, syscall.ENETDOWN) {
			t.Errorf("listen: error %v, want %v", err, syscall.ENETDOWN)
		}
		if _, err := w.b.Dial(t.Context(), "10.0.0.1:1"); !errors.Is(err, syscall.ENETDOWN) {
			t.Errorf("dial: error %v, want %v", err, syscall.ENETDOWN)
		}
		w.readsNothing(a, 24*time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := w.a.Dial(ctx, "10.0.0.2:8699"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dial to the machine: error %v, want %v", err, context.DeadlineExceeded)
		}
		w.b.PowerOn()
		start := time.Now()
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read error %v, want %v", err, syscall.ECONNRESET)
		}
		w.took(start, 100*time.Millisecond, "the reset") // as an answer to what was on the way
		w.l = w.listen(w.b)
		w.connect()
	})
}

// Close ends everything at once.
func TestNetClose(t *testing.T) {
	inBubble(t, Line{Latency: 50 * time.Millisecond}, func(t *testing.T, w *world) {
		a, b := w.connect()
		errs := make(chan error)
		uses := []func() error{
			func() error { _, err := a.Read(make([]byte, 1)); return err },
			func() error { _, err := b.Write(make([]byte, 2*window)); return err },
			func() error { _, err := w.l.Accept(); return err },
			func() error { _, err := w.a.Dial(t.Context(), "10.0.0.9:1"); return err },
		}
		for _, use := range uses {
			go func() { errs <- use() }()
		}
		synctest.Wait()
		w.net.Close()
		for range uses {
			if err := <-errs; !errors.Is(err, net.ErrClosed) {
				t.Errorf("error %v, want %v", err, net.ErrClosed)
			}
		}
		if _, err := w.a.Listen(":1"); !errors.Is(err, net.ErrClosed) {
			t.Errorf("listen: error %v, want %v", err, net.ErrClosed)
		}
		w.net.Close()
	})
}

// Whatever happens to the line, a connection whose sides live gives all bytes, in
// order, once it has healed.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		line := Line{
			Latency: time.Duration(rapid.IntRange(0, 200).Draw(r, "latency")) * time.Millisecond,
			Jitter:  time.Duration(rapid.IntRange(0, 50).Draw(r, "jitter")) * time.Millisecond,
			Rate:    rapid.SampledFrom([]int64{0, 10_000, 1_000_000}).Draw(r, "rate"),
		}
		faults := rapid.SliceOfN(rapid.IntRange(0, 7), 0, 30).Draw(r, "faults")
		size := rapid.IntRange(1, 3*window).Draw(r, "size")
		inBubble(t, line, func(t *testing.T, w *world) {
			a, b := w.connect()
			go func() {
				for i := 0; i < size; i += 1000 {
					block := make([]byte, min(1000, size-i))
					for j := range block {
						block[j] = byte((i + j) / 7)
					}
					if _, err := a.Write(block); err != nil {
						t.Errorf("write: %v", err)
					}
				}
				_ = a.Close()
			}()
			var wg sync.WaitGroup
			defer wg.Wait()
			wg.Go(func() {
				for _, f := range faults {
					time.Sleep(30 * time.Millisecond)
					w.fault(f)
				}
				w.net.HealAll()
				w.a.Thaw()
				w.b.Thaw()
			})
			got, err := io.ReadAll(b)
			if len(got) != size || err != nil {
				t.Errorf("%d bytes, error %v, want %d", len(got), err, size)
			}
			for i, c := range got {
				if c != byte(i/7) {
					t.Fatalf("byte %d is %d, want %d", i, c, byte(i/7))
				}
			}
		})
	})
}

// fault does one of some things to the hosts and their line.
func (w *world) fault(which int) {
	switch which {
	case 0:
		w.net.Cut(w.a, w.b)
	case 1:
		w.net.CutOneWay(w.a, w.b)
	case 2:
		w.net.Heal(w.a, w.b)
	case 3:
		w.b.Freeze()
	case 4:
		w.b.Thaw()
	case 5:
		w.a.SetRates(50_000, 0)
	case 6:
		w.a.SetRates(0, 100_000)
	case 7:
		w.net.SetLine(w.a, w.b, Line{Latency: time.Millisecond})
	}
}

// Many hosts that all talk to each other, in a partition and after it.
func TestPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(7)
		defer n.Close()
		n.SetDefault(Line{Latency: 50 * time.Millisecond, Jitter: 10 * time.Millisecond})
		var hosts []*Host
		for i := range 20 {
			h := n.Host(netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}))
			h.SetRates(1_250_000, 1_250_000)
			l, err := h.Listen(":1")
			if err != nil {
				t.Fatal(err)
			}
			go echo(l)
			hosts = append(hosts, h)
		}
		reach := func(ctx context.Context, from, to *Host) error {
			c, err := from.Dial(ctx, fmt.Sprintf("%s:1", to.Addr()))
			if err != nil {
				return err
			}
			defer c.Close()
			deadline, _ := ctx.Deadline()
			_ = c.SetDeadline(deadline)
			if _, err := c.Write([]byte("hello")); err != nil {
				return err
			}
			_, err = io.ReadFull(c, make([]byte, 5))
			return err
		}
		all := func(want func(i, j int) bool) {
			t.Helper()
			errs := make(chan error)
			for i, from := range hosts {
				for j, to := range hosts {
					go func() {
						ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
						defer cancel()
						err := reach(ctx, from, to)
						if (err == nil) != want(i, j) {
							err = fmt.Errorf("from %d to %d: error %v", i, j, err)
						} else {
							err = nil
						}
						errs <- err
					}()
				}
			}
			for range len(hosts) * len(hosts) {
				if err := <-errs; err != nil {
					t.Error(err)
				}
			}
		}
		all(func(i, j int) bool { return true })
		n.Partition(hosts[:8], hosts[8:])
		all(func(i, j int) bool { return (i < 8) == (j < 8) })
		n.HealAll()
		all(func(i, j int) bool { return true })
	})
}

// echo sends back what comes, until the listener is closed.
func echo(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_, _ = io.Copy(c, c)
		}()
	}
}
