package simnet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// conn is one side of a connection, a net.Conn.
type conn struct {
	serial
	net           *Net
	host          *Host
	local, remote *net.TCPAddr
	peer          *conn
	in, out       *pipe

	// The following are protected by net.mu.

	closed        bool  // by Close, or because the host ended
	err           error // the other side reset the connection
	isWriting     bool  // a Write is under way; others wait
	read, written deadline
}

// deadline is the time at which reads or writes fail.
type deadline struct {
	at    time.Time   // zero for none
	timer *time.Timer // wakes who waits; nil before the first deadline
}

// connect makes a connection to a port of another host. The caller must hold n.mu.
func (n *Net) connect(from, to *Host, port uint16) (dialed, accepted *conn) {
	dialed = &conn{serial: n.nextSerial(), net: n, host: from, local: from.tcpAddr(from.ephemeral()), remote: to.tcpAddr(port)}
	accepted = &conn{serial: n.nextSerial(), net: n, host: to, local: dialed.remote, remote: dialed.local, peer: dialed}
	dialed.peer = accepted
	dialed.out = n.newPipe(dialed, accepted)
	accepted.out = n.newPipe(accepted, dialed)
	dialed.in, accepted.in = accepted.out, dialed.out
	from.conns[dialed] = struct{}{}
	to.conns[accepted] = struct{}{}
	return dialed, accepted
}

func (n *Net) newPipe(writer, reader *conn) *pipe {
	p := &pipe{
		path: n.path(writer.host, reader.host), serial: n.nextSerial(), writer: writer, reader: reader,
		readable: sync.NewCond(&n.mu), writable: sync.NewCond(&n.mu),
	}
	p.pipes[p] = struct{}{}
	return p
}

// LocalAddr returns the address of this side, a [*net.TCPAddr].
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the address of the other side, a [*net.TCPAddr].
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// opError is the error of an operation, in the form of package net.
func (c *conn) opError(op string, err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// Read reads what has arrived. It returns [io.EOF] after the other side has closed
// its direction, and [syscall.ECONNRESET] after it has reset the connection.
func (c *conn) Read(b []byte) (int, error) {
	c.net.lock()
	defer c.net.unlock()
	for {
		switch {
		case c.closed:
			return 0, c.opError("read", net.ErrClosed)
		case c.read.isOver():
			return 0, c.opError("read", os.ErrDeadlineExceeded)
		case len(b) == 0:
			return 0, nil
		case c.host.isFrozen:
		case len(c.in.ready) > 0:
			return c.in.read(b), nil
		case c.err != nil:
			return 0, c.opError("read", c.err)
		case c.in.isEnded:
			return 0, io.EOF
		}
		c.in.readable.Wait()
	}
}

// Write writes all of b into the buffer of the connection, and blocks while that is
// full.
func (c *conn) Write(b []byte) (int, error) {
	c.net.lock()
	defer c.net.unlock()
	isMine := false
	defer func() {
		if isMine {
			c.isWriting = false
			c.out.writable.Broadcast()
		}
	}()
	done := 0
	for {
		c.net.settle() // delivers what was written, and reads the clock after a wait
		switch {
		case done == len(b) && done > 0:
			return done, nil
		case c.closed:
			return done, c.opError("write", net.ErrClosed)
		case c.written.isOver():
			return done, c.opError("write", os.ErrDeadlineExceeded)
		case c.err != nil:
			return done, c.opError("write", c.err)
		case c.out.isClosing:
			return done, c.opError("write", syscall.EPIPE)
		case len(b) == 0:
			return 0, nil
		case c.host.isFrozen || c.isWriting && !isMine:
		case c.out.size < window:
			c.isWriting, isMine = true, true
			done += c.out.write(c.net, b[done:])
			continue
		default:
			c.isWriting, isMine = true, true
		}
		c.out.writable.Wait()
	}
}

// Close closes the connection. What was written still arrives, unless data is
// unread or arrives later: then the connection is reset, as by TCP.
func (c *conn) Close() error {
	c.net.lock()
	defer c.net.unlock()
	if c.closed {
		return c.opError("close", net.ErrClosed)
	}
	c.close()
	return nil
}

func (c *conn) close() {
	if len(c.in.ready) > 0 && c.err == nil {
		c.abort()
		return
	}
	c.end()
	if c.err == nil {
		c.out.isClosing = true
		c.net.activate(c.out)
	}
}

// CloseWrite closes the direction to the other side, which reads [io.EOF] after all
// that was written.
func (c *conn) CloseWrite() error {
	c.net.lock()
	defer c.net.unlock()
	switch {
	case c.closed:
		return c.opError("close", net.ErrClosed)
	case c.err != nil:
		return c.opError("close", c.err)
	}
	c.out.isClosing = true
	c.net.activate(c.out)
	c.wakeAll()
	return nil
}

// abort closes the connection by a reset: what was not sent yet is lost.
func (c *conn) abort() {
	c.end()
	c.out.drop()
	if c.err == nil {
		c.sendReset()
	}
}

// end is the end of the connection on this side. The other side learns nothing.
func (c *conn) end() {
	c.closed = true
	c.in.ready = nil
	for _, d := range []*deadline{&c.read, &c.written} {
		if d.timer != nil {
			d.timer.Stop()
		}
	}
	delete(c.host.conns, c)
	c.wakeAll()
}

// sendReset resets the connection at the other side, unless that gets lost.
func (c *conn) sendReset() {
	way, n := c.out.path, c.net
	if way.isBlocked() {
		return
	}
	c.out.last = latest(n.now.Add(way.delay()), c.out.last)
	n.at(c.out.last, func() {
		if way.isBlocked() || c.peer.closed || c.peer.err != nil {
			return
		}
		c.peer.err = syscall.ECONNRESET
		c.peer.out.drop()
		c.peer.wakeAll()
	})
}

// wakeAll wakes who waits to read or to write.
func (c *conn) wakeAll() {
	c.in.readable.Broadcast()
	c.out.writable.Broadcast()
}

// SetDeadline sets the deadlines of reads and writes; the zero time is none.
func (c *conn) SetDeadline(t time.Time) error {
	return c.setDeadline(t, true, true)
}

// SetReadDeadline sets the deadline of reads.
func (c *conn) SetReadDeadline(t time.Time) error {
	return c.setDeadline(t, true, false)
}

// SetWriteDeadline sets the deadline of writes.
func (c *conn) SetWriteDeadline(t time.Time) error {
	return c.setDeadline(t, false, true)
}

func (c *conn) setDeadline(t time.Time, read, write bool) error {
	c.net.lock()
	defer c.net.unlock()
	if c.closed {
		return c.opError("set", net.ErrClosed)
	}
	if read {
		c.read.set(t, c.in.readable)
	}
	if write {
		c.written.set(t, c.out.writable)
	}
	return nil
}

// set sets the deadline, at which changed is woken. The caller must hold its lock.
func (d *deadline) set(t time.Time, changed *sync.Cond) {
	d.at = t
	changed.Broadcast()
	switch {
	case t.IsZero():
		if d.timer != nil {
			d.timer.Stop()
		}
	case d.timer == nil:
		d.timer = time.AfterFunc(time.Until(t), func() {
			changed.L.Lock()
			defer changed.L.Unlock()
			changed.Broadcast()
		})
	default:
		d.timer.Reset(time.Until(t))
	}
}

// isOver reports whether the deadline has passed.
func (d *deadline) isOver() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }
