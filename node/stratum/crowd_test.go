package stratum

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The crowd decides like a model that counts in a plain list.
func TestCrowd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newCrowd()
		var model []*conn // oldest first
		address := rapid.SampledFrom([]netip.Addr{
			{}, netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("198.51.100.1"),
			netip.MustParseAddr("2001:db8:0:1::"), netip.MustParseAddr("2001:db8:0:2::"),
		})
		remove := func(c *conn) {
			w.remove(c)
			w.remove(c)
			for i := range model {
				if model[i] == c {
					model = append(model[:i:i], model[i+1:]...)
					return
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				c := &conn{addr: address.Draw(t, "address")}
				w.add(c)
				model = append(model, c)
			},
			"remove": func(t *rapid.T) {
				if len(model) > 0 {
					remove(rapid.SampledFrom(model).Draw(t, "conn"))
				}
			},
			"evict": func(t *rapid.T) {
				if c := w.victim(); c != nil {
					remove(c)
				}
			},
			"": func(t *rapid.T) {
				sizes := map[netip.Addr]int{}
				largest := 0
				for _, c := range model {
					sizes[c.addr]++
					largest = max(largest, sizes[c.addr])
				}
				var want *conn // the oldest of all at addresses with most
				if i := slices.IndexFunc(model, func(c *conn) bool { return sizes[c.addr] == largest }); i >= 0 {
					want = model[i]
				}
				if got := w.victim(); got != want {
					t.Fatalf("connection %d of %d is the victim, want %d", slices.Index(model, got), len(model), slices.Index(model, want))
				}
				if len(w.places) != len(model) || len(w.byAddress) != len(sizes) || len(w.groups) != len(sizes) {
					t.Fatalf("%d places, %d addresses, %d groups, want %d and %d", len(w.places), len(w.byAddress), len(w.groups), len(model), len(sizes))
				}
			},
		})
	})
}
