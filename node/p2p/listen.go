package p2p

import (
	"net"
	"net/netip"
	"sync"

	"stele/internal/netguard"
	"stele/node/p2p/slots"
)

const (
	// maxGreeting bounds the inbound connections whose hello has not arrived. Further
	// ones wait in the queue of the system.
	maxGreeting = 32
	// maxGreetingPerAddress bounds those of one address, and acceptsPerSecond how often
	// it may connect, so that it does not take the places of others. Connections of
	// this machine have no such limits.
	maxGreetingPerAddress = 4
	acceptsPerSecond      = 3
)

// listen accepts connections until the server ends.
func (s *Server) listen() {
	places := make(chan struct{}, maxGreeting)
	rates := netguard.NewRates(acceptsPerSecond, acceptsPerSecond)
	var open tally
	for {
		select {
		case places <- struct{}{}:
		case <-s.ctx.Done():
			return
		}
		conn, err := netguard.Accept(s.ctx, s.listener, func(err error) { s.log.Warn("peers cannot connect", "err", err) })
		if err != nil {
			return
		}
		remote := conn.RemoteAddr().String()
		if !netguard.Loopback(remote) && !(rates.Of(remote).Allow() && open.enter(remote)) {
			_ = conn.Close() // the peer notices
			<-places
			continue
		}
		p := &peer{kind: slots.Inbound, addr: addrOf(conn.RemoteAddr()), since: s.now()}
		p.greeted = sync.OnceFunc(func() {
			open.leave(remote)
			<-places
		})
		s.work.Go(func() { s.serve(conn, p) })
	}
}

// serve runs an inbound connection until it ends.
func (s *Server) serve(conn net.Conn, p *peer) {
	err := s.converse(conn, p, s.manual.mayCall)
	p.greeted()
	s.do(func() { s.ended(p, err) })
}

// tally counts the open connections of each address, as netguard sees addresses. Safe
// for concurrent use.
type tally struct {
	mu   sync.Mutex
	open map[netip.Addr]int
}

// enter counts a connection, unless its address has as many as it may have.
func (t *tally) enter(remote string) bool {
	addr, _ := netguard.Address(remote)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[addr] >= maxGreetingPerAddress {
		return false
	}
	if t.open == nil {
		t.open = map[netip.Addr]int{}
	}
	t.open[addr]++
	return true
}

// leave undoes enter. It ignores addresses that are not counted.
func (t *tally) leave(remote string) {
	addr, _ := netguard.Address(remote)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[addr]--; t.open[addr] <= 0 {
		delete(t.open, addr)
	}
}
