package p2p

import (
	"net"
	"sync"

	"stele/internal/netguard"
	"stele/node/p2p/slots"
)

// acceptsPerSecond is how often one address may connect, so that it does not take the
// places of others. Connections of this machine have no such limit.
const acceptsPerSecond = 3

// listen accepts connections until the server ends.
func (s *Server) listen() {
	rates := netguard.NewRates(acceptsPerSecond, acceptsPerSecond)
	places := newPlaces()
	for {
		conn, err := netguard.Accept(s.ctx, s.listener, func(err error) { s.log.Warn("peers cannot connect", "err", err) })
		if err != nil {
			return
		}
		remote := conn.RemoteAddr().String()
		if !netguard.Loopback(remote) && !rates.Of(remote).Allow() {
			_ = conn.Close() // the peer notices
			continue
		}
		leave, err := places.enter(s.ctx, conn)
		if err != nil {
			_ = conn.Close() // the server ends, or the address has too many
			continue
		}
		p := &peer{kind: slots.Inbound, addr: addrOf(conn.RemoteAddr()), since: s.now(), greeted: sync.OnceFunc(leave)}
		s.work.Go(func() { s.serve(conn, p) })
	}
}

// serve runs an inbound connection until it ends.
func (s *Server) serve(conn net.Conn, p *peer) {
	err := s.converse(conn, p, s.manual.mayCall)
	p.greeted()
	s.do(func() { s.ended(p, err) })
}
