package p2p

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestInvalidPeers(t *testing.T) {
	for _, text := range []string{
		"", "host", "10.0.0.1", "host:", "host:0", "host:70000", ":1", "@host:1", "0123@host:1", "0123456789abcde@host:1",
		"0123456789abcdeg@host:1", strings.Repeat("a", 65) + "@host:1",
	} {
		if _, err := newManual(nil, []string{text}); err == nil {
			t.Errorf("%q was accepted", text)
		} else if !strings.Contains(err.Error(), "invalid peer") {
			t.Error(err)
		}
	}
	for _, text := range []string{
		"host:1", "10.0.0.1:1", "[::1]:1", "0123456789abcdef@host:1", "0123456789ABCDEF0@10.0.0.1:1", strings.Repeat("a", 64) + "@h:1",
	} {
		if _, err := newManual(nil, []string{text}); err != nil {
			t.Error(err)
		}
	}
}

// A peer with a pinned key is connected only if it has that key.
func TestPinnedKeys(t *testing.T) {
	bubble(t, func(w *world) {
		a := w.node()
		key := a.key.ID().Full()
		for _, pin := range []string{key[:16], strings.ToUpper(key[:17]), key} {
			b := w.node(func(o *Options) { o.Peers = []string{pin + "@" + a.address()} })
			w.waitFor(5*time.Second, "connected", func() bool { _, ok := b.peerAt(a); return ok })
		}
		wrong := w.node(func(o *Options) { o.Peers = []string{strings.Repeat("0", 16) + "@" + a.address()} })
		w.waitFor(5*time.Second, "rejected", func() bool { _, ok := wrong.goneFrom(a.host.Addr()); return ok })
		gone, _ := wrong.goneFrom(a.host.Addr())
		if gone.Reason != "wrong-key" || !strings.Contains(gone.Text, key[:16]) || !strings.Contains(gone.Text, "0000000000000000") {
			t.Errorf("gone: %+v", gone)
		}
	})
}

// In a private network only the peers with known keys may call.
func TestOnlyPinnedMayCall(t *testing.T) {
	bubble(t, func(w *world) {
		friend := w.node(func(o *Options) { o.Listen = "" })
		n := w.node(func(o *Options) { o.Peers = []string{friend.key.ID().Full() + "@10.99.0.1:1"} })
		stranger := w.node(peersOf(n))
		friend.stop()
		friend.options.Peers = []string{n.address()}
		friend.options.Dir = t.TempDir()
		friend.start() // with a new key
		time.Sleep(10 * time.Second)
		if q := n.Status(); len(q.Connected) != 0 || len(stranger.Status().Connected) != 0 {
			t.Errorf("connected: %+v", q.Connected)
		}
		if gone, _ := stranger.goneFrom(n.host.Addr()); gone.Reason != "handshake" || gone.Text != "the peer does not accept the key of this node" || !gone.ByPeer {
			t.Errorf("gone: %+v", gone)
		}
		n.stop()
		n.options.Peers = []string{friend.key.ID().Full() + "@10.99.0.1:1"}
		n.start()
		w.waitFor(2*time.Minute, "the friend is connected", func() bool { return len(n.Status().Connected) == 1 })
		if q := n.Status(); q.Connected[0].Key != friend.Status().Key {
			t.Errorf("connected: %+v", q.Connected)
		}
	})
}

// A name is looked up again when its address does not work.
func TestNames(t *testing.T) {
	bubble(t, func(w *world) {
		a, b := w.node(), w.node()
		dead := netip.MustParseAddr("10.99.0.1")
		answers := [][]netip.Addr{nil, {dead}, {dead, a.host.Addr()}, {b.host.Addr()}}
		lookups := 0
		n := w.node(func(o *Options) {
			o.Peers = []string{"node.example:28699"}
			o.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
				answer := answers[min(lookups, len(answers)-1)]
				lookups++
				if host != "node.example" || answer == nil {
					return nil, errors.New("no such host")
				}
				return answer, nil
			}
		})
		w.waitFor(3*time.Minute, "connected to a", func() bool { _, ok := n.peerAt(a); return ok })
		if lookups != 3 {
			t.Errorf("%d lookups", lookups)
		}
		time.Sleep(time.Hour)
		if lookups != 3 {
			t.Errorf("%d lookups while the peer is connected", lookups)
		}
		a.stop()
		w.waitFor(5*time.Minute, "connected to b", func() bool { _, ok := n.peerAt(b); return ok })
	})
}

// A peer that cannot be reached is logged once, not with each call.
func TestUnreachableIsLoggedOnce(t *testing.T) {
	bubble(t, func(w *world) {
		var log lines
		a := w.node()
		n := w.node(peersOf(a), func(o *Options) { o.Log = log.logger() })
		w.waitFor(5*time.Second, "connected", func() bool { _, ok := n.peerAt(a); return ok })
		a.stop()
		time.Sleep(time.Hour)
		a.start()
		w.waitFor(2*time.Minute, "connected", func() bool { _, ok := n.peerAt(a); return ok })
		want := []string{"listening for peers", "peers without keys", "peer connected", "peer not connected closed", "peer not connected unreachable", "peer connected"}
		if got := log.take(); strings.Join(got, ", ") != strings.Join(want, ", ") {
			t.Errorf("logged %q", got)
		}
	})
}

// An operator whose --only-peers does not do what it may seem to do is warned.
func TestWarnOfKeys(t *testing.T) {
	const key = "30c1b5a6e0f9d412@"
	for _, c := range []struct {
		name, listen string
		only         bool
		peers        []string
		want         string
	}{
		{"no key", ":1", true, []string{"192.0.2.1:1", "192.0.2.2:1"}, "any caller"},
		{"one key of two", ":1", true, []string{key + "192.0.2.1:1", "192.0.2.2:1"}, "peers without a key"},
		{"all keys", ":1", true, []string{key + "192.0.2.1:1"}, ""},
		{"nobody can call", "", true, []string{"192.0.2.1:1"}, ""},
		{"others are welcome", ":1", false, []string{"192.0.2.1:1"}, ""},
	} {
		var out strings.Builder
		s := &Server{o: Options{OnlyPeers: c.only, Listen: c.listen}, log: slog.New(slog.NewTextHandler(&out, nil))}
		m, err := newManual(s, c.peers)
		if err != nil {
			t.Fatal(err)
		}
		if m.warn(); c.want == "" && out.Len() > 0 || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: logged %q, want %q", c.name, out.String(), c.want)
		}
	}
}
