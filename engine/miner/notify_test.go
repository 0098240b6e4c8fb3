package miner

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stele/engine"
)

// systemd returns the socket that the miner reports to.
func systemd(t *testing.T) *net.UnixConn {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", socket)
	return conn
}

// The miner reports to systemd when it is ready, what it does, that it is healthy, and
// when it ends.
func TestNotify(t *testing.T) {
	conn := systemd(t)
	t.Setenv("WATCHDOG_USEC", "2000000")
	read := func() string {
		b := make([]byte, 100)
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	e := engine.New([]engine.Device{engine.Reference()}, nil)
	defer func() { _ = e.Close() }()
	m := New(Options{Engine: e, Sources: []Source{newPool("pool")}, Systemd: true})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	var got []string
	for !slices.Contains(got, "READY=1") || !slices.Contains(got, "WATCHDOG=1") || !slices.Contains(got, "STATUS=mining for pool") {
		got = append(got, read())
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for got[len(got)-1] != "STOPPING=1" {
		got = append(got, read())
	}
	if all := strings.Join(got, " "); strings.Count(all, "READY=1") != 1 {
		t.Errorf("reported %s", all)
	}
}

// With a short watchdog, systemd hears of the miner often enough while no source can be
// reached, and for two minutes after the devices have stopped: the first trials of
// a sick device are made before that.
func TestWatchdog(t *testing.T) {
	const second = 2 // reports in a second
	for _, c := range []struct {
		name     string
		down     bool
		mode     mode
		min, max int // reports in 10 minutes
	}{
		{"all sources are down", true, honest, 599 * second, 601 * second},
		{"all is well", false, honest, 599 * second, 601 * second},
		{"the device hangs", false, hanging, 125 * second, 135 * second},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := systemd(t)
			t.Setenv("WATCHDOG_USEC", "1000000")
			reported := make(chan int)
			go func() { // not in the bubble: a full socket blocks
				n, b := 0, make([]byte, 100)
				defer func() { reported <- n }()
				for {
					k, err := conn.Read(b)
					switch {
					case err != nil || string(b[:k]) == "STOPPING=1":
						return
					case string(b[:k]) == "WATCHDOG=1":
						n++
					}
				}
			}()
			synctest.Test(t, func(t *testing.T) {
				p, d := newPool("pool"), &slow{id: "slow"}
				p.set(c.down)
				d.set(c.mode)
				r := start(t, Options{Systemd: true}, d, p)
				pass(10 * time.Minute)
				r.end()
			})
			if n := <-reported; n < c.min || n > c.max {
				t.Errorf("reported %d times, want %d to %d", n, c.min, c.max)
			}
		})
	}
}

// A miner that is only a part of its program reports nothing to systemd: that the
// program is ready, healthy or ends is not for the miner to say.
func TestNoSystemd(t *testing.T) {
	conn := systemd(t)
	t.Setenv("WATCHDOG_USEC", "1000000")
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Options{}, nil, newPool("pool"))
		pass(time.Minute)
		r.end()
	})
	if err := conn.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	if n, err := conn.Read(b); err == nil {
		t.Errorf("reported %s", b[:n])
	}
}
