package netguard

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRates(10, 5)
		count := func(remote string, n int) (allowed int) {
			for range n {
				if r.Of(remote).Allow() {
					allowed++
				}
			}
			return allowed
		}
		if got := count("192.0.2.1:1000", 20); got != 5 {
			t.Errorf("%d at once", got)
		}
		if got := count("192.0.2.1:2000", 1) + count("[::ffff:192.0.2.1]:1", 1); got != 0 {
			t.Error("another port, or form, counts as another address")
		}
		if got := count("192.0.2.2:1000", 20); got != 5 {
			t.Errorf("another address: %d", got)
		}
		if got := count("[2001:db8::1]:1", 3) + count("[2001:db8::2]:1", 20); got != 5 {
			t.Errorf("a network of IPv6: %d", got)
		}
		if got := count("nowhere", 20) + count("", 20); got != 5 {
			t.Errorf("addresses that cannot be read: %d", got)
		}
		time.Sleep(200 * time.Millisecond)
		if got := count("192.0.2.1:1000", 20); got != 2 {
			t.Errorf("after 0.2 s: %d", got)
		}
		for i := range 10 * maxAddresses {
			addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
			r.Of(netip.AddrPortFrom(addr, 1).String())
		}
		if len(r.young) > maxAddresses || len(r.old) > maxAddresses {
			t.Errorf("%d and %d addresses are remembered", len(r.young), len(r.old))
		}
	})
}
