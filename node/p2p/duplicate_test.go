package p2p

import (
	"fmt"
	"testing"
	"time"
)

// Nodes that name each other keep one connection, in whatever order they start.
func TestMutualPeers(t *testing.T) {
	for delay := range 8 {
		delay := time.Duration(delay) * 15 * time.Millisecond
		t.Run(fmt.Sprint(delay), func(t *testing.T) {
			bubble(t, func(w *world) {
				a := w.node(func(o *Options) { o.Peers = []string{"10.2.0.1:28699"} })
				time.Sleep(delay)
				b := w.node(peersOf(a))
				one := func() bool { return len(a.Status().Connected) == 1 && len(b.Status().Connected) == 1 }
				w.waitFor(10*time.Second, "connected", one)
				time.Sleep(10 * time.Second)
				since := a.Status().Connected[0].Since
				time.Sleep(10 * time.Minute)
				if !one() || !a.Status().Connected[0].Since.Equal(since) {
					t.Errorf("a has %+v, b has %+v", a.Status().Connected, b.Status().Connected)
				}
				if calls := a.Status().Counts.Calls + b.Status().Counts.Calls; calls > 20 {
					t.Errorf("%d calls in ten minutes", calls)
				}
				a.stop()
				w.waitFor(5*time.Second, "the end is noticed", func() bool { return len(b.Status().Connected) == 0 })
				a.start()
				w.waitFor(2*time.Minute, "connected again", one)
			})
		})
	}
}
