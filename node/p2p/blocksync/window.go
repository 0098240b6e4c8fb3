package blocksync

import (
	"slices"
	"time"

	"stele/engine/pow"
)

// state is where a body is.
type state uint8

const (
	missing   state = iota // requested or not
	checking               // it has arrived, and the caller checks it
	ready                  // it waits for the bodies before it
	delivered              // the chain has it, but has not accepted it yet
)

// body is a body of the branch, or one that left the branch with requests open.
type body struct {
	hash     pow.Hash
	height   uint32
	inBranch bool
	state    state
	from     PeerID // who sent the body that is held
	size     int    // of that, in bytes
	requests []*request
}

// request is an open request for a body, in the lists of the body and of the peer.
type request struct {
	peer *peer
	body *body
	at   time.Time
	// The counts of bodies that had arrived, in all and from the peer.
	received, own int
}

// othersDeliver reports whether other peers have delivered bodies since the request.
func (m *Machine) othersDeliver(r *request) bool {
	return m.received-r.received > r.peer.received-r.own
}

// requestTo returns the open request for b to a peer, nil if there is none.
func (b *body) requestTo(id PeerID) *request {
	for _, r := range b.requests {
		if r.peer.id == id {
			return r
		}
	}
	return nil
}

// window returns the bodies that may be requested now.
func (m *Machine) window() []*body { return m.branch[:min(len(m.branch), Window)] }

// end removes an open request.
func (m *Machine) end(r *request) {
	b, p := r.body, r.peer
	b.requests = slices.DeleteFunc(b.requests, func(x *request) bool { return x == r })
	p.open = slices.DeleteFunc(p.open, func(x *request) bool { return x == r })
	m.forget(b)
}

// forget removes a body from the index if neither the branch nor a request has it.
func (m *Machine) forget(b *body) {
	if !b.inBranch && len(b.requests) == 0 {
		delete(m.byHash, b.hash)
	}
}

// release makes a held body missing. A body that was delivered is the chain's, any
// other one is discarded.
func (m *Machine) release(b *body) {
	if b.state == missing {
		return
	}
	if b.state != delivered {
		m.do(Discard{b.from, b.hash})
	}
	m.waiting -= b.size
	b.state = missing
}

// leave removes a body from the branch.
func (m *Machine) leave(b *body) {
	m.release(b)
	b.inBranch = false
	m.forget(b)
}

func (e Branch) apply(m *Machine) {
	old := m.branch
	for _, b := range old {
		b.inBranch = false
	}
	m.branch = make([]*body, 0, len(e.Hashes))
	for i, hash := range e.Hashes {
		b := m.byHash[hash]
		if b == nil {
			b = &body{hash: hash}
			m.byHash[hash] = b
		}
		b.height = e.First + uint32(i)
		b.inBranch = true
		m.branch = append(m.branch, b)
	}
	for _, b := range old {
		if !b.inBranch {
			m.leave(b)
		}
	}
}

// request asks peers for the bodies that are missing in the window, lowest first, and
// notes which body holds up a full window.
func (m *Machine) request() {
	var lowest *body
	full := len(m.branch) > Window
	unasked := false // no peer can be asked for a body that has a place
	size := m.recent.size()
	pending := 0 // bodies that are requested
	for _, b := range m.window() {
		if b.state == missing && len(b.requests) > 0 {
			pending++
		}
	}
	for i, b := range m.window() {
		if b.state != missing {
			continue
		}
		if lowest == nil {
			lowest = b
		}
		// The chain waits for the first body of the branch, which therefore has a
		// place at any time.
		isNew := len(b.requests) == 0
		if isNew && i > 0 && m.waiting+(pending+1)*size > WindowBytes {
			full = true
			break
		}
		if !isNew && (b != lowest || !m.needsCopy(b)) {
			continue
		}
		p := m.choose(b, b == lowest)
		switch {
		case p != nil && isNew:
			pending++
			fallthrough
		case p != nil:
			m.ask(p, b)
		case isNew:
			unasked = true
		}
		if unasked && !m.anyFree() {
			break
		}
	}
	m.hold(lowest, full && !unasked)
}

// needsCopy reports whether another peer should be asked for the lowest body, too.
// Requests that are old enough to drop their peers do not count: if this body is the
// only one that is missing, no other peer delivers, and nobody is dropped.
func (m *Machine) needsCopy(b *body) bool {
	if m.now.Sub(b.requests[len(b.requests)-1].at) < m.late() {
		return false
	}
	tested, untested := 0, 0
	for _, r := range b.requests {
		switch {
		case m.now.Sub(r.at) >= m.dropLate():
		case r.peer.received > 0:
			tested++
		default:
			untested++
		}
	}
	return tested < MaxCopies && untested < MaxUntestedCopies
}

// hold notes whether the lowest missing body, which may be nil, holds up a full
// window.
func (m *Machine) hold(lowest *body, full bool) {
	switch {
	case lowest == nil || !full || len(lowest.requests) == 0:
		m.blocker = nil
	case m.blocker != lowest:
		m.blocker, m.blocked = lowest, m.now
	}
}
