package blocksync

import (
	"slices"
	"time"

	"stele/engine/pow"
)

// Rates of a peer.
const (
	// queueTime is how much work a peer is given, in the time that it needs for it.
	queueTime = 2 * time.Second
	// firstPerBody is assumed of a peer that has not sent a body: it gets two requests.
	firstPerBody = queueTime / 2
	// busyPause is how long a peer that is busy is not asked.
	busyPause = 2 * time.Second
)

// peer is a peer that serves bodies.
type peer struct {
	id        PeerID
	low, high uint32     // it has the bodies of these heights
	shown     uint32     // it has sent the headers up to this height
	open      []*request // oldest first
	asked     []pow.Hash // requests of the current event
	perBody   time.Duration
	lastBody  time.Time
	received  int       // bodies
	retry     time.Time // it is not asked before
}

// measure counts a body that the peer has sent. The time for it began with the
// request, or with the body before if that came later; so it does not depend on how
// many requests are open.
func (p *peer) measure(now time.Time, r *request) {
	p.perBody += (now.Sub(p.busySince(r)) - p.perBody) / 4
	p.lastBody = now
	p.received++
}

// busySince returns when the peer began to work on a request.
func (p *peer) busySince(r *request) time.Time {
	if p.lastBody.After(r.at) {
		return p.lastBody
	}
	return r.at
}

// cost returns the time that the peer needs for a body: as measured, or longer if it
// has already worked longer on the present one.
func (p *peer) cost(now time.Time) time.Duration {
	if len(p.open) == 0 {
		return p.perBody
	}
	return max(p.perBody, now.Sub(p.busySince(p.open[0])))
}

// allowed returns the number of requests that the peer may have open.
func (p *peer) allowed(now time.Time) int {
	cost := p.cost(now)
	if cost <= queueTime/MaxOpen {
		return MaxOpen
	}
	return max(1, int(queueTime/cost))
}

// serves reports whether the peer has the height of a body.
func (p *peer) serves(b *body) bool { return p.low <= b.height && b.height <= p.high }

// has reports whether the peer can be asked for a body.
func (p *peer) has(b *body) bool { return p.serves(b) && b.requestTo(p.id) == nil }

// isFree reports whether the peer can be asked for one more body. In a hurry only
// the limit that holds for all peers counts.
func (p *peer) isFree(now time.Time, hurry bool) bool {
	limit := MaxOpen
	if !hurry {
		limit = p.allowed(now)
	}
	return len(p.open) < limit && !now.Before(p.retry)
}

// anyFree reports whether some peer can be asked for one more body.
func (m *Machine) anyFree() bool {
	return slices.ContainsFunc(m.peers, func(p *peer) bool { return p.isFree(m.now, false) })
}

// trust is how much a peer has shown of what it says to have. Who says so costs nothing:
// those that have shown less are asked if no other peer can be.
type trust uint8

const (
	late     trust = iota // its oldest request is late
	claims                // it says that it has the body
	showed                // it has sent the header
	delivers              // it has sent bodies
)

// trust returns how much a peer has shown for a body.
func (m *Machine) trust(p *peer, b *body) trust {
	switch {
	case len(p.open) > 0 && m.now.Sub(p.busySince(p.open[0])) >= m.late():
		return late
	case p.received > 0:
		return delivers
	case p.shown >= b.height:
		return showed
	}
	return claims
}

// choose returns the peer to ask for a body: of those with the most trust the one that
// is expected to send it first, nil if none can be asked.
func (m *Machine) choose(b *body, hurry bool) *peer {
	var best *peer
	var bestTrust trust
	var bestTime time.Duration
	for _, p := range m.peers {
		if !p.has(b) || !p.isFree(m.now, hurry) {
			continue
		}
		trust, t := m.trust(p, b), p.cost(m.now)*time.Duration(len(p.open)+1)
		if best == nil || trust > bestTrust || trust == bestTrust && t < bestTime {
			best, bestTrust, bestTime = p, trust, t
		}
	}
	return best
}

// ask requests a body from a peer.
func (m *Machine) ask(p *peer, b *body) {
	r := &request{p, b, m.now, m.received, p.received}
	p.open = append(p.open, r)
	b.requests = append(b.requests, r)
	p.asked = append(p.asked, b.hash)
}

// peer returns a peer, nil if it is unknown.
func (m *Machine) peer(id PeerID) *peer {
	i := slices.IndexFunc(m.peers, func(p *peer) bool { return p.id == id })
	if i < 0 {
		return nil
	}
	return m.peers[i]
}

// remove removes a peer and its requests.
func (m *Machine) remove(p *peer) {
	for len(p.open) > 0 {
		m.end(p.open[0])
	}
	m.peers = slices.DeleteFunc(m.peers, func(x *peer) bool { return x == p })
}

func (e PeerReady) apply(m *Machine) {
	p := m.peer(e.Peer)
	if p == nil {
		p = &peer{id: e.Peer, perBody: firstPerBody}
		m.peers = append(m.peers, p)
	}
	p.shown = max(p.shown, e.Shown)
	p.low, p.high = max(p.low, e.Low), e.High // below low it may have answered that it has none
	p.retry = time.Time{}                     // it may have now what it had not
}

func (e PeerGone) apply(m *Machine) {
	if p := m.peer(e.Peer); p != nil {
		m.remove(p)
	}
}

func (e Absent) apply(m *Machine) {
	b := m.byHash[e.Hash]
	if b == nil {
		return
	}
	r := b.requestTo(e.Peer)
	if r == nil {
		return
	}
	m.end(r)
	if e.Busy {
		r.peer.retry = m.now.Add(busyPause)
	} else {
		r.peer.low = max(r.peer.low, b.height+1)
	}
}
