package p2p

import (
	"testing"
	"time"
)

// Two nodes connect, know each other's keys, and exchange pings.
func TestTwoNodes(t *testing.T) {
	bubble(t, func(w *world) {
		a := w.node()
		b := w.node(peersOf(a))
		w.waitFor(5*time.Second, "connected", func() bool {
			out, ok1 := b.peerAt(a)
			in, ok2 := a.peerAt(b)
			return ok1 && ok2 && out.Ping > 0 && in.Ping > 0
		})
		out, _ := b.peerAt(a)
		in, _ := a.peerAt(b)
		if out.Key != a.Status().Key || in.Key != b.Status().Key || out.Kind != "manual" || in.Kind != "inbound" {
			t.Errorf("b sees %+v, a sees %+v", out, in)
		}
		if out.Ping != 40*time.Millisecond {
			t.Errorf("the ping took %v", out.Ping)
		}
		time.Sleep(time.Hour)
		if _, ok := b.peerAt(a); !ok {
			t.Error("not connected after an hour without other messages")
		}
		a.stop()
		w.waitFor(5*time.Second, "the end is noticed", func() bool { _, ok := b.peerAt(a); return !ok })
		a.start()
		w.waitFor(time.Minute, "connected again", func() bool { _, ok := b.peerAt(a); return ok })
	})
}
