package simnet

import (
	"cmp"
	"hash/fnv"
	"iter"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Line is the way between two hosts. The zero value has no delay and no limit.
type Line struct {
	Latency time.Duration // in one direction
	Jitter  time.Duration // a random delay of up to this is added to the latency
	Rate    int64         // of one connection in one direction, in bytes per second; 0 for no limit
}

// Net is a network of hosts. Safe for concurrent use.
type Net struct {
	seed uint64

	mu     sync.Mutex
	closed bool
	now    time.Time // of the event or operation that runs
	hosts  map[netip.Addr]*Host
	line   Line // of pairs without one of their own
	paths  map[pair]*path
	serial serial // of the last path, pipe or connection

	queue  eventQueue
	events uint64      // how many were scheduled
	timer  *time.Timer // calls tick at armed; nil before the first event
	armed  time.Time
}

// pair is a direction between two hosts.
type pair struct{ from, to *Host }

// path is a line in one direction.
type path struct {
	pair
	serial
	line  Line
	isSet bool // the line is not the default
	isCut bool
	rng   *rand.Rand
	pipes map[*pipe]struct{} // that can still carry something
}

// serial numbers what a network has, in the order in which it was made.
type serial uint64

func (s serial) order() serial { return s }

// nextSerial returns a new number. The caller must hold n.mu.
func (n *Net) nextSerial() serial {
	n.serial++
	return n.serial
}

// inOrder returns the elements in the order in which they were made: that of a map
// changes from run to run.
func inOrder[T interface{ order() serial }](all iter.Seq[T]) []T {
	return slices.SortedFunc(all, func(a, b T) int { return cmp.Compare(a.order(), b.order()) })
}

// New returns a network without hosts, whose lines have no delay and no limit. The
// seed fixes the jitter. Call [Net.Close] after use.
func New(seed uint64) *Net {
	return &Net{seed: seed, now: time.Now(), hosts: map[netip.Addr]*Host{}, paths: map[pair]*path{}}
}

// Close ends all connections, listeners and dials, with [net.ErrClosed] for who uses
// them, and stops all timers.
func (n *Net) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, h := range n.hosts {
		h.powerOff()
	}
	n.closed = true
	n.queue = nil
	if n.timer != nil {
		n.timer.Stop()
	}
}

// Host returns the host with an address, and adds it if there is none. An IPv4
// address that is mapped into IPv6 counts as IPv4.
func (n *Net) Host(addr netip.Addr) *Host {
	addr = addr.Unmap()
	n.lock()
	defer n.unlock()
	h := n.hosts[addr]
	if h == nil {
		h = newHost(n, addr)
		n.hosts[addr] = h
	}
	return h
}

// SetDefault sets the line between all pairs of hosts without one of their own.
func (n *Net) SetDefault(l Line) {
	n.lock()
	defer n.unlock()
	n.line = l
	for _, p := range n.paths {
		if !p.isSet {
			p.line = l
		}
	}
}

// SetLine sets the line between two hosts, in both directions. What is on the way
// keeps its delay.
func (n *Net) SetLine(a, b *Host, l Line) {
	n.lock()
	defer n.unlock()
	for _, p := range []*path{n.path(a, b), n.path(b, a)} {
		p.line, p.isSet = l, true
	}
}

// path returns the path from one host to another. The caller must hold n.mu.
func (n *Net) path(from, to *Host) *path {
	key := pair{from, to}
	p := n.paths[key]
	if p == nil {
		sum := fnv.New64a()
		for _, h := range []*Host{from, to} {
			b := h.addr.As16()
			sum.Write(b[:])
		}
		p = &path{pair: key, serial: n.nextSerial(), line: n.line, rng: rand.New(rand.NewPCG(n.seed, sum.Sum64())), pipes: map[*pipe]struct{}{}}
		if from == to {
			p.line, p.isSet = Line{}, true
		}
		n.paths[key] = p
	}
	return p
}

// isBlocked reports whether what is sent now is lost.
func (p *path) isBlocked() bool { return p.isCut || p.from.isOff || p.to.isOff }

// delay draws the latency of something that is sent now.
func (p *path) delay() time.Duration {
	d := p.line.Latency
	if p.line.Jitter > 0 {
		d += time.Duration(p.rng.Int64N(int64(p.line.Jitter) + 1))
	}
	return d
}

// block takes back what is on the way.
func (p *path) block() {
	for _, pipe := range inOrder(maps.Keys(p.pipes)) {
		pipe.takeBack()
	}
}

// unblock sends what was taken back, unless the path is still blocked.
func (p *path) unblock(n *Net) {
	for _, pipe := range inOrder(maps.Keys(p.pipes)) {
		n.activate(pipe)
	}
}
