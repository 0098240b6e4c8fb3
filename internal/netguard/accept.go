package netguard

import (
	"context"
	"errors"
	"net"
	"time"
)

// retryPause is the pause of [Accept] after an error.
const retryPause = 100 * time.Millisecond

// Accept returns the next connection to l. It reports temporary errors, such as
// too many open files, by calling failed, and retries after a pause, so that a
// server survives them. The error is that of ctx, or net.ErrClosed when l is
// closed. Whoever ends ctx must also close l; until then Accept may block.
func Accept(ctx context.Context, l net.Listener, failed func(error)) (net.Conn, error) {
	for {
		c, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = c.Close()
			}
			return nil, ctx.Err()
		case err == nil || errors.Is(err, net.ErrClosed):
			return c, err
		}
		failed(err)
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
		}
	}
}
