package miner

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stele/engine"
)

// systemd is told when the miner is ready, that it does well, and when it ends.
func TestNotify(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	t.Setenv("NOTIFY_SOCKET", socket)
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
	m := New(Options{Engine: e, Sources: []Source{newPool("pool")}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	var got []string
	for !slices.Contains(got, "READY=1") || !slices.Contains(got, "WATCHDOG=1") {
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
		t.Errorf("told %s", all)
	}
}

// A miner whose devices finish nothing does not do well; one that has no work
// does.
func TestTickIsWell(t *testing.T) {
	e := engine.New([]engine.Device{&slow{id: "slow"}}, nil)
	m := New(Options{Engine: e, Sources: []Source{newPool("pool")}})
	m.running = t.Context()
	now := time.Now()
	if !m.tick(e.Status(), now) {
		t.Error("waiting for work is not well")
	}
	p := newPool("pool")
	u := m.sources[0]
	u.work, u.connected = p.work("1", true), true
	m.decide()
	m.given = m.current
	for i, want := range []bool{true, false, false} {
		now = now.Add(5 * time.Second)
		if got := m.tick(e.Status(), now); got != want {
			t.Errorf("after %d s: %v", 5*i+5, got)
		}
		m.given = m.current
	}
}
