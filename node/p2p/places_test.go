package p2p

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// knock is a connection of an address that can be closed.
type knock struct {
	net.Conn
	addr   string
	closed bool
}

func (k *knock) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(k.addr))
}
func (k *knock) Close() error { k.closed = true; return nil }

func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, ctx := newPlaces(), context.Background()
		var all []*knock
		var leave []func()
		enter := func(addr string) error {
			k := &knock{addr: addr}
			free, err := l.enter(ctx, k)
			if err == nil {
				all, leave = append(all, k), append(leave, free)
			}
			return err
		}
		for range maxPlaces - maxPlacesPerAddress {
			if err := enter("127.0.0.1:1"); err != nil { // this machine has no limit of its own
				t.Fatal(err)
			}
		}
		for i := range maxPlacesPerAddress + 1 {
			err := enter("[2001:db8::1]:1") // a /64 is one address
			if want := i == maxPlacesPerAddress; errors.Is(err, errTooManyPlaces) != want {
				t.Fatalf("connection %d: %v", i, err)
			}
		}

		start := time.Now()
		if err := enter("10.0.0.1:1"); err != nil || time.Since(start) != placeTime || !all[0].closed || all[1].closed {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		leave[0]() // of the one that was closed: frees nothing
		time.AfterFunc(placeTime/2, leave[maxPlaces-1])
		for _, k := range l.taken {
			k.since = time.Now() // none had its time
		}
		start = time.Now()
		if err := enter("10.0.0.2:1"); err != nil || time.Since(start) != placeTime/2 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if len(l.taken) != maxPlaces {
			t.Errorf("%d places are taken", len(l.taken))
		}
		for _, k := range l.taken {
			k.since = time.Now()
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := l.enter(ended, &knock{addr: "10.0.0.3:1"}); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		for _, f := range leave {
			f()
			f()
		}
		if len(l.taken) != 0 {
			t.Errorf("%d places are left", len(l.taken))
		}
	})
}
