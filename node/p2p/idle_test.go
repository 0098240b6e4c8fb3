package p2p

import (
	"net/netip"
	"os"
	"testing"
	"time"
)

// A node with 128 peers and nothing to do takes less than 2 % of a core. What the other
// ends of the connections take is counted as well. STELE_LONG=1 measures an hour.
func TestIdle(t *testing.T) {
	const peers, maxShare = 128, 0.02
	idle := 10 * time.Minute
	if os.Getenv("STELE_LONG") != "" {
		idle = time.Hour
	}
	bubble(t, func(w *world) {
		n := w.node(func(o *Options) { o.MaxPeers = 8 + 2 + 1 + peers })
		n.give(w.grow(w.builder.Genesis, 2, 1)...)
		for i := range peers {
			w.greet(n, w.net.Host(netip.AddrFrom4([4]byte{10, 100, byte(i), 1})))
		}
		time.Sleep(time.Minute)
		spent := cpu()
		time.Sleep(idle)
		spent = cpu() - spent
		share := spent.Seconds() / idle.Seconds()
		t.Logf("%v of CPU in %v: %.3f %% of a core", spent, idle, 100*share)
		if share > maxShare {
			t.Errorf("%v of CPU in %v", spent, idle)
		}
		if got := n.Status(); len(got.Connected) != peers || len(got.Gone) > 0 {
			t.Errorf("%d peers are left; gone: %+v", len(got.Connected), got.Gone)
		}
	})
}
