package p2p

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"stele/node/query"
)

// Status returns the peers and the synchronisation. Before Run and after its end there
// are none. Safe for concurrent use.
func (s *Server) Status() query.Peers {
	answer := make(chan query.Peers, 1)
	if s.running.Load() {
		s.do(func() { answer <- s.status() })
		select {
		case q := <-answer:
			return q
		case <-s.stopped:
		}
	}
	return s.emptyStatus()
}

// Forget ends the time for which the peers at an address are avoided. It reports whether
// they were. Safe for concurrent use.
func (s *Server) Forget(addr netip.Addr) bool {
	answer := make(chan bool, 1)
	if !s.running.Load() {
		return false
	}
	s.do(func() { answer <- s.book.Forget(addr) })
	select {
	case had := <-answer:
		return had
	case <-s.stopped:
		return false
	}
}

// emptyStatus returns a status without all that changes.
func (s *Server) emptyStatus() query.Peers {
	return query.Peers{
		Now: s.now(), Key: s.key.ID().String(), Listen: s.Addr(), MaxPeers: s.o.MaxPeers,
		Sync: query.Sync{State: query.SyncAlone},
	}
}

func (s *Server) status() query.Peers {
	q := s.emptyStatus()
	fresh, tried := s.book.Len()
	q.Addresses, q.Discouraged = fresh+tried, s.book.Discouraged(q.Now)
	q.Gone = slices.Clone(s.gone)
	q.Sync = s.syncer.status()
	q.Counts = s.counts.status()
	byID := slices.SortedFunc(maps.Values(s.peers), func(a, b *peer) int { return cmp.Compare(a.id, b.id) })
	for _, p := range byID {
		q.Connected = append(q.Connected, p.status())
	}
	return q
}

func (p *peer) status() query.Peer {
	open := 0
	for i := range p.requests {
		open += int(p.requests[i].Load())
	}
	return query.Peer{
		Key: p.key.String(), Address: p.addr.String(), Inbound: !p.isOutbound(), Kind: p.kind.String(),
		Agent: p.hello.Agent, Protocol: int(p.protocol), Since: p.since, LastHeard: time.Unix(0, p.heard.Load()),
		Ping: p.ping.last, MinPing: p.ping.min, Height: p.height, Blocks: p.gaveBlocks, Records: p.gaveRecords,
		Received: p.received.Load(), Sent: p.sent.Load(), Requests: open, Dropped: p.link.Dropped(),
		MinFeeRate: p.minFeeRate,
	}
}
