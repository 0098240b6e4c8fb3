package p2p

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"stele/internal/netguard"
	"stele/internal/wake"
)

const (
	// maxPlaces bounds the inbound connections whose hello has not arrived. While all
	// places are taken, further ones wait in the queue of the system.
	maxPlaces           = 32
	maxPlacesPerAddress = 4 // but for addresses of this machine
	// placeTime is how long a connection keeps its place while others wait. An honest
	// handshake takes some round trips.
	placeTime = time.Second
)

var errTooManyPlaces = errors.New("too many handshakes of one address")

// places has the inbound connections whose hello has not arrived. A newcomer that finds
// no place gets that of the oldest connection, which had its time: slow ones do not keep
// others out. Make one with newPlaces. Safe for concurrent use.
type places struct {
	mu    sync.Mutex
	taken []*place // the oldest first
	freed wake.Signal
}

type place struct {
	conn  net.Conn
	addr  netip.Addr
	since time.Time
}

func newPlaces() *places { return &places{freed: wake.New()} }

// enter waits for a place, and returns the function that frees it. Errors: that of the
// context, and errTooManyPlaces.
func (l *places) enter(ctx context.Context, conn net.Conn) (leave func(), err error) {
	addr, _ := netguard.Address(conn.RemoteAddr().String())
	p := &place{conn: conn, addr: addr}
	for {
		wait, err := l.try(p)
		if err != nil || wait == 0 {
			return func() { l.leave(p) }, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-l.freed:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}

// try takes a place, or returns how long to wait at most.
func (l *places) try(p *place) (wait time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	same := 0
	for _, q := range l.taken {
		if q.addr == p.addr {
			same++
		}
	}
	if same >= maxPlacesPerAddress && !p.addr.IsLoopback() {
		return 0, errTooManyPlaces
	}
	now := time.Now()
	if len(l.taken) == maxPlaces {
		oldest := l.taken[0]
		if wait := oldest.since.Add(placeTime).Sub(now); wait > 0 {
			return wait, nil
		}
		l.taken = slices.Delete(l.taken, 0, 1)
		_ = oldest.conn.Close() // its handshake fails
	}
	p.since = now
	l.taken = append(l.taken, p)
	return 0, nil
}

// leave frees a place, unless another connection has it already.
func (l *places) leave(p *place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.taken, p); i >= 0 {
		l.taken = slices.Delete(l.taken, i, i+1)
		l.freed.Wake()
	}
}
