package simnet

import (
	"sync"
	"time"
)

const (
	// window is how much a connection accepts that the other side has not read, in
	// bytes.
	window = 256 << 10
	// maxChunk is how much of a connection is sent at once, in bytes.
	maxChunk = 16 << 10
	// chunksPerSecond bounds chunks at low rates: none takes longer than a part of
	// a second.
	chunksPerSecond = 20
)

// pipe is one direction of a connection.
type pipe struct {
	*path
	serial
	writer, reader *conn

	queue  [][]byte // written, not sent
	flight []*chunk // sent, not arrived
	ready  [][]byte // arrived, not read
	size   int      // bytes of all three, while both sides are open

	isDropped bool // by a reset: nothing is sent any more
	isClosing bool // after the queue comes the end
	isEndSent bool
	isEnded   bool // the end has arrived
	isBusy    bool // a chunk passes the slowest rate; an event will end that
	isActive  bool // in from.active
	// last is when the last chunk arrives, so that none overtakes it.
	last time.Time

	readable, writable *sync.Cond
}

// chunk is a part of the bytes on the way. Without data, it is the end.
type chunk struct {
	data   []byte
	isLost bool
}

// hasWork reports whether there is something to send.
func (p *pipe) hasWork() bool { return len(p.queue) > 0 || p.isClosing && !p.isEndSent }

// write accepts as much of b as there is room for, and returns how much.
func (p *pipe) write(n *Net, b []byte) int {
	size := min(len(b), window-p.size)
	p.queue = append(p.queue, append([]byte(nil), b[:size]...))
	p.size += size
	n.activate(p)
	return size
}

// read moves bytes that have arrived into b, and returns how many.
func (p *pipe) read(b []byte) int {
	done := 0
	for len(p.ready) > 0 && done < len(b) {
		size := copy(b[done:], p.ready[0])
		done += size
		if p.ready[0] = p.ready[0][size:]; len(p.ready[0]) == 0 {
			p.ready = p.ready[1:]
		}
	}
	p.size -= done
	p.writable.Broadcast()
	return done
}

// drop forgets what is not sent yet: the writer is gone.
func (p *pipe) drop() {
	p.queue = nil
	p.isClosing, p.isDropped = false, true
	if len(p.flight) == 0 {
		delete(p.pipes, p)
	}
}

// takeBack puts what is on the way back into the queue, to be sent again.
func (p *pipe) takeBack() {
	var queue [][]byte
	for _, c := range p.flight {
		c.isLost = true
		if len(c.data) > 0 {
			queue = append(queue, c.data)
		} else {
			p.isEndSent = false
		}
	}
	p.flight = nil
	p.queue = append(queue, p.queue...)
	if p.isDropped {
		p.drop()
	}
}

// activate lets a pipe send, if it has something to send and may.
func (n *Net) activate(p *pipe) {
	if p.isActive || p.isBusy || p.isBlocked() || !p.hasWork() {
		return
	}
	p.isActive = true
	p.from.active = append(p.from.active, p)
	n.pump(p.from)
}

// pump sends chunks of a host, one pipe after the other, as long as its upload rate
// lets it.
func (n *Net) pump(h *Host) {
	for !h.isPumping && len(h.active) > 0 {
		if h.upFree.After(n.now) {
			h.isPumping = true
			n.at(h.upFree, func() {
				h.isPumping = false
				n.pump(h)
			})
			return
		}
		p := h.active[0]
		h.active = h.active[1:]
		p.isActive = false
		if !p.isBlocked() && p.hasWork() {
			n.send(p)
		}
	}
}

// send sends the next chunk of a pipe.
func (n *Net) send(p *pipe) {
	slowest := slowestOf(p.from.up, p.line.Rate, p.to.down)
	c := &chunk{}
	if len(p.queue) > 0 {
		size := min(len(p.queue[0]), maxChunk)
		if slowest > 0 {
			size = min(size, int(max(slowest/chunksPerSecond, 1)))
		}
		c.data = p.queue[0][:size:size]
		if p.queue[0] = p.queue[0][size:]; len(p.queue[0]) == 0 {
			p.queue = p.queue[1:]
		}
	} else {
		p.isEndSent = true
	}
	p.flight = append(p.flight, c)

	up, line := duration(len(c.data), p.from.up), duration(len(c.data), p.line.Rate)
	p.from.upFree = n.now.Add(up)
	p.last = latest(n.now.Add(max(up, line)+p.delay()), p.last)
	n.at(p.last, func() { n.arrive(p, c) })
	if d := duration(len(c.data), slowest); d > 0 {
		p.isBusy = true
		n.at(n.now.Add(d), func() {
			p.isBusy = false
			n.activate(p)
		})
		return
	}
	if p.hasWork() { // not by activate, which would call pump again
		p.isActive = true
		p.from.active = append(p.from.active, p)
	}
}

// arrival is a chunk that waits for the download rate of its receiver.
type arrival struct {
	p *pipe
	c *chunk
}

// arrive lets a chunk pass the download rate of the receiver, after those that have
// arrived before.
func (n *Net) arrive(p *pipe, c *chunk) {
	p.to.arrived = append(p.to.arrived, arrival{p, c})
	n.drain(p.to)
}

// drain delivers what has arrived at a host, in pieces, so that another rate applies to
// all but the piece that is under way.
func (n *Net) drain(h *Host) {
	for !h.isDraining && len(h.arrived) > 0 {
		a := h.arrived[0]
		size := len(a.c.data)
		if h.down > 0 {
			size = min(size, int(max(h.down/chunksPerSecond, 1)))
		}
		if d := duration(size, h.down); d > 0 && !a.c.isLost {
			h.isDraining = true
			n.at(n.now.Add(d), func() {
				h.isDraining = false
				n.deliver(h, size)
				n.drain(h)
			})
			return
		}
		n.deliver(h, size)
	}
}

// deliver gives some bytes of the next chunk to the receiver.
func (n *Net) deliver(h *Host, size int) {
	p, c := h.arrived[0].p, h.arrived[0].c
	rest := c.data[size:]
	if c.isLost || len(rest) == 0 {
		h.arrived = h.arrived[1:]
	}
	if c.isLost {
		return
	}
	piece := c.data[:size:size]
	if c.data = rest; len(rest) == 0 {
		p.flight = p.flight[1:] // c, since pipes keep the order
	}
	p.from.stats.Sent += uint64(size)
	p.to.stats.Received += uint64(size)
	switch {
	case size == 0:
		p.isEnded = true
		p.readable.Broadcast()
	case p.reader.closed:
		p.reader.sendReset()
	default:
		p.ready = append(p.ready, piece)
		p.readable.Broadcast()
	}
	if len(p.flight) == 0 && !p.hasWork() && (p.isEnded || p.isDropped) {
		delete(p.pipes, p)
	}
}

// duration returns how long size bytes take at a rate.
func duration(size int, rate int64) time.Duration {
	if rate <= 0 {
		return 0
	}
	return time.Duration(float64(size) / float64(rate) * float64(time.Second))
}

// slowestOf returns the lowest of some rates, 0 if none has a limit.
func slowestOf(rates ...int64) int64 {
	var slowest int64
	for _, r := range rates {
		if r > 0 && (slowest == 0 || r < slowest) {
			slowest = r
		}
	}
	return slowest
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
