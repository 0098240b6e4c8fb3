package link

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"stele/node/p2p/wire"
)

// Options configure a [Link]. Limits and Solicited must be set.
type Options struct {
	Limits wire.Limits
	// Budget bounds the answers that are received, PushBudget what is received without a
	// request, and SendBudget what is to be sent. All links of a node share them. Nil: no
	// bound.
	Budget     *Budget
	PushBudget *Budget
	SendBudget *Budget
	// Solicited reports whether a request is open that a message of this kind can
	// answer. It is called by the goroutine of Run.
	Solicited func(wire.Kind) bool
	// Received and Sent are called with the kind and the length in bytes of each frame:
	// Received by the goroutine of Run before the message is handled, Sent by the one
	// that writes. Nil: nothing is called.
	Received, Sent func(wire.Kind, int)
}

// Link carries messages over a connection. Make one with [New], and call [Link.Run]
// once. The other methods are safe for concurrent use.
type Link struct {
	conn    net.Conn
	options Options
	out     *queue
	isFast  atomic.Bool // the last long frame was written fast

	ctx     context.Context // ends with the link, for the reason that finish was given
	cancel  context.CancelCauseFunc
	end     sync.Once
	drained chan struct{} // closed when nothing more can be read after Close
}

// New returns a link over a connection, secured or not. Nothing is read or written
// before [Link.Run].
func New(conn net.Conn, o Options) *Link {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &Link{conn: conn, options: o, out: newQueue(), ctx: ctx, cancel: cancel, drained: make(chan struct{})}
}

// Run reads messages and writes those that are queued, until the link ends; then it
// closes the connection and returns why. It calls handle with each message, one at a
// time; an error of handle ends the link. The bytes of a message may be kept, but the
// [Budget] counts them only until handle returns.
//
// Run starts one goroutine, which has ended when Run returns.
//
// Errors: those of handle and of ctx, [ErrClosed] after [Link.Close], [ErrTooSlow],
// those of package wire for a peer that breaks the protocol, and those of the
// connection.
func (l *Link) Run(ctx context.Context, handle func(wire.Message) error) error {
	stop := context.AfterFunc(ctx, func() { l.finish(context.Cause(ctx)) })
	defer stop()
	writer := make(chan struct{})
	go func() {
		defer close(writer)
		l.finish(l.write())
	}()
	l.finish(l.read(handle))
	<-writer
	return context.Cause(l.ctx)
}

// finish ends the link, for the first reason that is given. It never blocks.
func (l *Link) finish(err error) {
	l.end.Do(func() {
		l.cancel(err)
		conn := l.conn
		if secured, ok := conn.(*tls.Conn); ok {
			conn = secured.NetConn() // closing TLS would write, and wait for the peer
		}
		_ = conn.Close() // the reason is known
	})
}

// read reads messages until the link ends.
func (l *Link) read(handle func(wire.Message) error) error {
	r := &reader{
		conn: l.conn, in: bufio.NewReader(l.conn), limits: l.options.Limits,
		solicited: l.options.Solicited, received: l.options.Received,
		budget: l.options.Budget, pushes: l.options.PushBudget, end: l.finish,
	}
	for !l.out.isClosing() {
		for !l.out.hasRoom() {
			select {
			case <-l.out.room:
			case <-l.ctx.Done():
				return l.ctx.Err()
			}
		}
		err := r.read(l.ctx, func(m wire.Message) error {
			if l.out.isClosing() {
				return nil
			}
			return handle(m)
		})
		if err != nil && !l.out.isClosing() {
			return err
		}
	}
	// What is not read when the connection is closed would make TCP reset it, and the
	// peer could lose the last message.
	if err := l.conn.SetReadDeadline(time.Now().Add(timeFor(maxUrgent))); err == nil {
		_, _ = io.Copy(io.Discard, l.conn) // until the peer closes, or the writer
	}
	close(l.drained)
	<-l.ctx.Done() // the writer ends the link
	return ErrClosed
}

// write writes the queued messages until the link ends.
func (l *Link) write() error {
	defer l.out.end()
	for {
		i, ok, isLast, freed := l.out.next()
		switch {
		case isLast:
			l.linger()
			return ErrClosed
		case ok:
			err := l.writeItem(i)
			if l.out.done(i); err != nil {
				return err
			}
			continue
		}
		var look <-chan time.Time // whether somebody holds the budget for too long
		if freed != nil {
			look = time.After(lookEvery)
		}
		select {
		case <-l.out.more:
		case <-freed:
		case <-look:
		case <-l.ctx.Done():
			return l.ctx.Err()
		}
	}
}

// lingerTime is how long a peer has to read the last message.
const lingerTime = time.Second

// linger ends the stream to the peer, and gives it time to read that.
func (l *Link) linger() {
	if c, ok := l.conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite() // the link ends in any case
	}
	t := time.NewTimer(lingerTime)
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.drained:
	case <-l.ctx.Done():
	}
}

// writeItem writes one message, and makes it before if need be.
func (l *Link) writeItem(i item) error {
	frame := i.frame
	if i.later != nil {
		m, err := i.later()
		if err != nil {
			return err
		}
		if frame, err = l.options.Limits.Append(nil, m); err != nil {
			return err
		}
		if n := len(frame); n > maxShort {
			i.share.shrink(n)
		} else {
			i.share.shrink(0)
		}
	}
	if err := l.writeFrame(frame, i.share); err != nil {
		if e := net.Error(nil); errors.As(err, &e) && e.Timeout() {
			return fmt.Errorf("%w: %d bytes: %w", ErrTooSlow, len(frame), err)
		}
		return err
	}
	if l.options.Sent != nil {
		l.options.Sent(wire.Kind(frame[wire.HeaderSize-1]), len(frame))
	}
	return nil
}

// writeFrame writes a frame, in parts, so that its share shows the progress.
func (l *Link) writeFrame(frame []byte, share *share) error {
	start := time.Now()
	if err := l.conn.SetWriteDeadline(start.Add(timeFor(len(frame)))); err != nil {
		return err
	}
	for part := range slices.Chunk(frame, heldPart) {
		if _, err := l.conn.Write(part); err != nil {
			return err
		}
		share.progress()
	}
	if len(frame) > maxShort {
		l.isFast.Store(time.Since(start) <= fastFor(len(frame)))
	}
	return nil
}

// Send queues a message. It never blocks. Messages of one kind are sent in the order
// in which they are queued. If a message is dropped because the peer is slow, Send
// returns nil and [Link.Dropped] counts it.
//
// Errors: those of [wire.Limits.Append], which do not end the link; [ErrTooSlow], which
// does; [ErrClosed].
func (l *Link) Send(m wire.Message) error {
	frame, err := l.options.Limits.Append(nil, m)
	if err != nil {
		return err
	}
	return l.add(m.Kind(), item{frame: frame, size: len(frame)})
}

// SendLater queues a message that is made when it is its turn, such as a block that is
// read from the store. Only headers, compact blocks, blocks and parts may be long, and of
// the urgent kinds only these may be made later. The goroutine that writes calls the function; an error
// of it ends the link.
//
// Errors: as for [Link.Send].
func (l *Link) SendLater(k wire.Kind, message func() (wire.Message, error)) error {
	most := 0
	switch k {
	case wire.KindHeaders, wire.KindCompact, wire.KindBlock, wire.KindParts:
		most = l.options.Limits.MaxBody(k)
	default:
		if isUrgent(k) {
			panic("link: " + k.String() + " is urgent")
		}
	}
	return l.add(k, item{later: message, size: laterSize, most: most})
}

func (l *Link) add(k wire.Kind, i item) error {
	if l.ctx.Err() != nil {
		return ErrClosed
	}
	i.share = l.options.SendBudget.share(l.finish)
	i.share.isFast = &l.isFast
	err := l.out.add(k, i)
	if errors.Is(err, ErrTooSlow) {
		l.finish(err)
	}
	return err
}

// Close ends the link after the urgent messages that are queued and a last one, which
// says why, and which others may precede. [Link.Run] returns [ErrClosed] when they are
// written, which takes the time of a frame at most for each. What has no encoding is
// not sent.
func (l *Link) Close(bye *wire.Bye, before ...wire.Message) {
	var last []item
	for _, m := range append(before, bye) {
		if frame, err := l.options.Limits.Append(nil, m); err == nil { // closing is what counts
			last = append(last, item{frame: frame})
		}
	}
	l.out.close(last)
}

// Dropped returns the number of messages that were dropped because the peer is slow.
func (l *Link) Dropped() uint64 {
	l.out.mu.Lock()
	defer l.out.mu.Unlock()
	return l.out.dropped
}
