package link

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
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
	budget    *Budget              // of answers
	pushes    *Budget              // of all else
	end       func(error)          // ends the link
}

// read reads one message and calls handle with it. What was not asked for, and finds no
// memory, is skipped, so that it does not hold up what follows. The context ends with the
// link.
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
	budget, wait := r.budget, answerWait
	if !solicited {
		budget, wait = r.pushes, pushWait
	}
	share := budget.share(r.end)
	defer func() { share.shrink(0) }()
	body, err := r.body(ctx, n, share, wait)
	isSkipped := errors.Is(err, errNoRoom)
	var m wire.Message
	switch {
	case isSkipped:
	case err != nil:
		return fmt.Errorf("%s of %d bytes: %w", h.Kind, n, err)
	default:
		if m, err = r.limits.Decode(h.Kind, body, solicited); err != nil {
			return err
		}
	}
	if r.received != nil {
		r.received(h.Kind, len(head)+n)
	}
	if isSkipped {
		return nil
	}
	share.handled()
	return handle(m)
}

// body reads n bytes, into a buffer that grows with them, and with its share of the
// budget. The time for which it waits for that does not count. After some time it skips
// the body, and returns errNoRoom.
func (r *reader) body(ctx context.Context, n int, share *share, wait time.Duration) ([]byte, error) {
	deadline := time.Now().Add(timeFor(n))
	body := make([]byte, 0, min(n, firstBuffer))
	for {
		if err := r.conn.SetReadDeadline(deadline); err != nil {
			return nil, err
		}
		if err := r.fill(body[len(body):cap(body)], share); err != nil {
			return nil, err
		}
		if body = body[:cap(body)]; len(body) == n {
			return body, nil
		}
		size, start := min(n, 2*cap(body)), time.Now()
		err := share.take(ctx, size, wait)
		deadline = deadline.Add(time.Since(start))
		if errors.Is(err, errNoRoom) {
			return nil, r.skip(n-len(body), deadline)
		}
		if err != nil {
			return nil, err
		}
		body = append(make([]byte, 0, size), body...)
	}
}

// fill reads len(b) bytes.
func (r *reader) fill(b []byte, share *share) error {
	for part := range slices.Chunk(b, heldPart) {
		if _, err := io.ReadFull(r.in, part); err != nil {
			return err
		}
		share.progress()
	}
	return nil
}

// skip reads n bytes and returns errNoRoom, or the error of reading.
func (r *reader) skip(n int, deadline time.Time) error {
	if err := r.conn.SetReadDeadline(deadline); err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, r.in, int64(n)); err != nil {
		return err
	}
	return errNoRoom
}
