package netguard

import (
	"context"
	"errors"
	"net"
	"time"
)

// acceptAgain is how long [Accept] waits when no connection can be taken.
const acceptAgain = 100 * time.Millisecond

// Accept returns the next connection to l. What passes, as when the process has
// too many files open, it tells to trouble and tries again a little later: a
// server that ends for it would be away for ever. The error is that of ctx when
// it has ended, or says that l is closed. Whoever ends ctx closes l too, or
// Accept waits on.
func Accept(ctx context.Context, l net.Listener, trouble func(error)) (net.Conn, error) {
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
		trouble(err)
		select {
		case <-time.After(acceptAgain):
		case <-ctx.Done():
		}
	}
}
