package link

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"stele/node/p2p/wire"
)

// Times of frames.
const (
	maxSilence = 110 * time.Second // without a byte of the peer
	frameTime  = 10 * time.Second  // for a frame, and more by its length:
	minSpeed   = 20_000            // bytes per second
)

// firstBuffer is the memory in bytes for a frame of which little has arrived. More
// needs a share of the [Budget].
const firstBuffer = 64 << 10

// timeFor returns the time within which a frame of n bytes must be complete.
func timeFor(n int) time.Duration {
	return frameTime + time.Duration(n)*time.Second/minSpeed
}

// reader reads frames. Not safe for concurrent use.
type reader struct {
	conn      net.Conn
	in        *bufio.Reader
	limits    wire.Limits
	solicited func(wire.Kind) bool
	received  func(wire.Kind, int) // may be nil
	budget    *Budget
	end       func(error) // ends the link
}

// read reads one message and calls handle with it. The context ends with the link.
func (r *reader) read(ctx context.Context, handle func(wire.Message) error) error {
	if err := r.conn.SetReadDeadline(time.Now().Add(maxSilence)); err != nil {
		return err
	}
	if _, err := r.in.Peek(1); err != nil {
		return err
	}
	if err := r.conn.SetReadDeadline(time.Now().Add(frameTime)); err != nil {
		return err
	}
	var head [wire.HeaderSize]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		return err
	}
	h := wire.DecodeHeader(head)
	solicited := r.solicited(h.Kind)
	if err := r.limits.Check(h, solicited); err != nil {
		return err
	}
	n := int(h.Length)
	share := r.budget.share(r.end)
	defer func() { share.shrink(0) }()
	body, err := r.body(ctx, n, share)
	if err != nil {
		return fmt.Errorf("%s of %d bytes: %w", h.Kind, n, err)
	}
	m, err := r.limits.Decode(h.Kind, body, solicited)
	if err != nil {
		return err
	}
	if r.received != nil {
		r.received(h.Kind, len(head)+n)
	}
	return handle(m)
}

// body reads n bytes, into a buffer that grows with them, and with its share of the
// budget. The time for which it waits for that does not count.
func (r *reader) body(ctx context.Context, n int, share *share) ([]byte, error) {
	deadline := time.Now().Add(timeFor(n))
	body := make([]byte, 0, min(n, firstBuffer))
	for {
		if err := r.conn.SetReadDeadline(deadline); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(r.in, body[len(body):cap(body)]); err != nil {
			return nil, err
		}
		if body = body[:cap(body)]; len(body) == n {
			return body, nil
		}
		size, start := min(n, 2*cap(body)), time.Now()
		if err := share.take(ctx, size); err != nil {
			return nil, err
		}
		deadline = deadline.Add(time.Since(start))
		body = append(make([]byte, 0, size), body...)
	}
}
