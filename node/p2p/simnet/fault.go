package simnet

import (
	"maps"
	"net"
)

// Cut loses everything between two hosts, in both directions, until [Net.Heal].
// Neither side learns of it. What has arrived before can still be read.
func (n *Net) Cut(a, b *Host) { n.Partition([]*Host{a}, []*Host{b}) }

// CutOneWay loses everything from one host to another until [Net.Heal].
func (n *Net) CutOneWay(from, to *Host) {
	n.lock()
	defer n.unlock()
	n.cut(from, to)
}

// Partition cuts the lines between each host of a and each of b.
func (n *Net) Partition(a, b []*Host) {
	n.lock()
	defer n.unlock()
	for _, x := range a {
		for _, y := range b {
			n.cut(x, y)
			n.cut(y, x)
		}
	}
}

func (n *Net) cut(from, to *Host) {
	p := n.path(from, to)
	p.isCut = true
	p.block()
}

// Heal ends what [Net.Cut] and [Net.CutOneWay] did between two hosts. What was lost
// is sent again at once.
func (n *Net) Heal(a, b *Host) {
	n.lock()
	defer n.unlock()
	for _, p := range []*path{n.path(a, b), n.path(b, a)} {
		p.isCut = false
		p.unblock(n)
	}
}

// HealAll ends all cuts.
func (n *Net) HealAll() {
	n.lock()
	defer n.unlock()
	for _, p := range inOrder(maps.Values(n.paths)) {
		if p.isCut {
			p.isCut = false
			p.unblock(n)
		}
	}
}

// Freeze stops the process on the host, as SIGSTOP does: its reads, writes, accepts
// and dials wait until [Host.Thaw], or until their deadline. The system goes on:
// connections are made, and their buffers fill.
func (h *Host) Freeze() {
	h.net.lock()
	defer h.net.unlock()
	h.isFrozen = true
}

// Thaw ends [Host.Freeze].
func (h *Host) Thaw() {
	h.net.lock()
	defer h.net.unlock()
	h.isFrozen = false
	h.wakeAll()
}

// Kill ends the process on the host, as SIGKILL does: who uses its connections,
// listeners and dials gets [net.ErrClosed], and its peers see the connections end.
// Another process can start on the host at once. Kill ends [Host.Freeze].
func (h *Host) Kill() {
	h.net.lock()
	defer h.net.unlock()
	h.isFrozen = false
	h.endCalls()
	for _, c := range inOrder(maps.Keys(h.conns)) {
		c.close()
	}
}

// PowerOff ends the machine: who uses its connections, listeners and dials gets
// [net.ErrClosed]. Its peers see nothing: their connections are half-open, and dials
// to the host wait.
func (h *Host) PowerOff() {
	h.net.lock()
	defer h.net.unlock()
	h.powerOff()
}

func (h *Host) powerOff() {
	h.isOff, h.isFrozen = true, false // from here on, nothing is sent
	for _, p := range h.paths() {
		p.block()
	}
	h.endCalls()
	for _, c := range inOrder(maps.Keys(h.conns)) {
		c.abort()
	}
}

// endCalls ends the listeners and the dials of the host. The caller must hold the lock
// of the network.
func (h *Host) endCalls() {
	for _, l := range h.listeners {
		l.close()
	}
	for d := range h.dials {
		d.finish(net.ErrClosed)
	}
}

// PowerOn starts the machine again, without connections. A peer that still has one
// gets a reset as soon as it sends.
func (h *Host) PowerOn() {
	h.net.lock()
	defer h.net.unlock()
	h.isOff = false
	for _, p := range h.paths() {
		p.unblock(h.net)
	}
}

// paths returns the paths from and to the host. The caller must hold the lock of the
// network.
func (h *Host) paths() []*path {
	return inOrder(func(yield func(*path) bool) {
		for _, p := range h.net.paths {
			if (p.from == h || p.to == h) && !yield(p) {
				return
			}
		}
	})
}
