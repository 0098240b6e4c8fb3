package blocksync

import (
	"slices"
	"time"
)

// Times after which a request is late, and a peer is dropped.
const (
	minLate     = 2 * time.Second  // of one request
	maxStall    = 64 * time.Second // of Machine.stall
	minDropLate = 20 * time.Second // an open request costs a peer its connection
)

// ring has the last bodies that arrived.
type ring struct {
	times [32]time.Duration // from the request to the body
	sizes [32]int           // in bytes
	n     int               // bodies, ever
}

func (r *ring) add(t time.Duration, size int) {
	i := r.n % len(r.times)
	r.times[i], r.sizes[i] = t, size
	r.n++
}

// median returns the median time of a body, 0 without bodies.
func (r *ring) median() time.Duration {
	times := slices.Clone(r.times[:min(r.n, len(r.times))])
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// firstSize is the size that bodies are expected to have before the first one, in
// bytes.
const firstSize = 1 << 20

// size returns the size that the next bodies are expected to have, in bytes: that of
// the largest recent one.
func (r *ring) size() int {
	if r.n == 0 {
		return firstSize
	}
	return slices.Max(r.sizes[:min(r.n, len(r.sizes))])
}

// late returns the age at which a request is late.
func (m *Machine) late() time.Duration { return max(minLate, 3*m.recent.median()) }

// patience returns how long a peer may hold up the window.
func (m *Machine) patience() time.Duration { return max(m.late(), m.stall) }

// dropLate returns the age at which a request costs the peer its connection.
func (m *Machine) dropLate() time.Duration { return max(minDropLate, 2*m.patience()) }

// dropOne drops the peer that holds up the window, or one whose answer is late. It
// reports whether it dropped a peer.
func (m *Machine) dropOne() bool {
	if !m.lastDrop.IsZero() && m.now.Sub(m.lastDrop) < m.stall {
		return false
	}
	patience := m.patience()
	if m.blocker != nil {
		r := m.blocker.requests[0]
		if m.now.Sub(m.blocked) >= patience && m.now.Sub(r.at) >= patience && m.othersDeliver(r) {
			m.drop(r.peer, Stalling)
			return true
		}
	}
	for _, p := range m.peers {
		if len(p.open) == 0 {
			continue
		}
		r := p.open[0]
		if m.now.Sub(r.at) >= m.dropLate() && m.othersDeliver(r) {
			m.drop(p, Late)
			return true
		}
	}
	return false
}

// drop drops a peer that is slow. The next one has more time.
func (m *Machine) drop(p *peer, reason Reason) {
	m.remove(p)
	m.blocker = nil
	m.lastDrop = m.now
	m.stall = min(maxStall, 2*m.stall)
	m.do(Drop{p.id, reason})
}
