package p2p

import (
	"math/rand/v2"
	"time"

	"stele/node/chain"
	"stele/node/p2p/wire"
)

const (
	pingEvery = time.Minute
	pongTime  = 20 * time.Second
)

// ping is what is known of the pings to a peer.
type ping struct {
	nonce     uint64
	sent      time.Time
	open      bool
	last, min time.Duration // 0: not known
}

// pinger is the part that pings peers and answers their pings.
type pinger struct {
	s    *Server
	next time.Time
}

func newPinger(s *Server) *pinger { return &pinger{s: s} }

func (g *pinger) ready(p *peer) {
	g.send(p, g.s.now())
}

func (g *pinger) gone(*peer) {}

func (g *pinger) changed(chain.Event) {}

// send sends a ping.
func (g *pinger) send(p *peer, now time.Time) {
	p.ping.nonce, p.ping.sent, p.ping.open = rand.Uint64(), now, true
	p.send(&wire.Ping{Nonce: p.ping.nonce})
	g.wakeAt(now.Add(pongTime))
}

// wakeAt makes tick due at a time, or earlier.
func (g *pinger) wakeAt(t time.Time) {
	if g.next.IsZero() || t.Before(g.next) {
		g.next = t
	}
}

func (g *pinger) handle(p *peer, m wire.Message) (<-chan struct{}, error) {
	switch m := m.(type) {
	case *wire.Ping:
		p.send(&wire.Pong{Nonce: m.Nonce})
	case *wire.Pong:
		if !p.ping.open || m.Nonce != p.ping.nonce {
			return nil, nil // late
		}
		p.ping.open = false
		p.ping.last = max(g.s.now().Sub(p.ping.sent), 1)
		if p.ping.min == 0 || p.ping.last < p.ping.min {
			p.ping.min = p.ping.last
		}
		g.s.slots.Ping(p.id, p.ping.last)
		g.wakeAt(p.ping.sent.Add(pingEvery))
	}
	return nil, nil
}

func (g *pinger) due() time.Time { return g.next }

func (g *pinger) tick(now time.Time) {
	g.next = time.Time{}
	for _, p := range g.s.peers {
		due := p.ping.sent.Add(pingEvery)
		if p.ping.open {
			due = p.ping.sent.Add(pongTime)
		}
		switch {
		case now.Before(due):
			g.wakeAt(due)
		case p.ping.open:
			g.s.drop(p, slow(wire.ReasonTooSlow, "no pong within %v", pongTime))
		default:
			g.send(p, now)
		}
	}
}
