package stratum

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// The crowd decides as a plain list does in which all are counted.
func TestCrowd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newCrowd()
		var model []*conn // oldest first
		address := rapid.Map(rapid.IntRange(1, 6), func(n int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}) })
		remove := func(c *conn) {
			w.leave(c)
			w.leave(c)
			for i := range model {
				if model[i] == c {
					model = append(model[:i:i], model[i+1:]...)
					return
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"enter": func(t *rapid.T) {
				c := &conn{addr: address.Draw(t, "address")}
				w.enter(c)
				model = append(model, c)
			},
			"leave": func(t *rapid.T) {
				if len(model) > 0 {
					remove(rapid.SampledFrom(model).Draw(t, "conn"))
				}
			},
			"make room": func(t *rapid.T) {
				if c := w.first(); c != nil {
					remove(c)
				}
			},
			"": func(t *rapid.T) {
				sizes, oldest := map[netip.Addr]int{}, map[netip.Addr]*conn{}
				largest := 0
				for _, c := range model {
					if sizes[c.addr]++; sizes[c.addr] == 1 {
						oldest[c.addr] = c
					}
					largest = max(largest, sizes[c.addr])
				}
				got := w.first()
				if got == nil != (len(model) == 0) || got != nil && (sizes[got.addr] != largest || oldest[got.addr] != got) {
					t.Fatalf("first is %p of %d at an address, the largest has %d", got, sizes[got.addr], largest)
				}
				if len(w.places) != len(model) || len(w.byAddress) != len(sizes) || len(w.groups) != len(sizes) {
					t.Fatalf("%d places, %d addresses, %d groups, want %d and %d", len(w.places), len(w.byAddress), len(w.groups), len(model), len(sizes))
				}
			},
		})
	})
}
