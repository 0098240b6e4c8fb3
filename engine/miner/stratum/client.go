package stratum

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"stele/engine/miner"
	"stele/engine/pow"
	"stele/internal/bounded"
	"stele/internal/text"
)

// Client is a pool as a source of work. It implements [miner.Source]; make one with
// [New].
//
// A session that breaks is resumed if the pool supports it: then the pool assigns
// the same extranonce1 again. The client submits the shares that were not answered
// or were found meanwhile, as long as the parent of their block is the newest. A
// resubmitted share that the pool rejects as duplicate was accepted before and only
// the answer was lost, so it counts as accepted. If the session is not resumed, the
// shares are lost ([miner.ErrLost]).
type Client struct {
	options Options
	at      address
	timeout time.Duration // for dialing
	pin     []byte        // SHA-256 of the certificate; nil: the system's authorities
	log     *slog.Logger

	rejections miner.UserRejections

	mu      sync.Mutex
	session *session // which has work; nil: none
	shares  []*share // not answered, in the order in which they were found

	// The state that outlives a connection.
	sessionID  string
	extranonce extranonce                       // of the last subscription
	difficulty pow.Difficulty                   // of the newest job
	parent     pow.Hash                         // of the newest job
	generation uint64                           // of the newest job; a clean job begins a new one
	jobs       map[string]*job                  // by id, since the last clean one
	counters   *bounded.Map[pow.Hash, *counter] // by content of a job

	noExtranonce bool // the pool closes the connection on mining.extranonce.subscribe
	oddNotify    bool // the number of parameters of mining.notify was logged; belongs to the reader
}

var _ miner.Source = (*Client)(nil)

// Times and limits of a connection.
const (
	dialTimeout      = 10 * time.Second // with TLS
	proxyDialTimeout = 30 * time.Second // the same with Options.Dial: a proxy may be slow
	configureTimeout = 5 * time.Second  // old pools do not answer
	answerTimeout    = 30 * time.Second
	tickTime         = 10 * time.Second // between two checks of a session
	writeTimeout     = 10 * time.Second
	shareTimeout     = 2 * time.Minute  // for the answer to a share
	workTimeout      = 30 * time.Second // for the first job
	idleTimeout      = 3 * time.Minute  // without a line, before the pool is probed
	oweTimeout       = 20 * time.Second // the same, if a share has waited that long for its answer
	probeTimeout     = 30 * time.Second
	waitTimeout      = time.Hour // for a share that waits for the next session
	maxReconnectWait = time.Minute
	maxFirstWait     = 5 * time.Second // the same, before the first job
	maxMoves         = 8               // client.reconnect in one call of Run
	maxBadLines      = 16              // of one connection
)

// Name returns the URL without user and password.
func (c *Client) Name() string { return c.at.name() }

// User implements [miner.Source]: the worker.
func (c *Client) User() string { return c.options.User }

// errConfigure says that the pool closed the connection on mining.configure.
var errConfigure = errors.New("the pool closed the connection on mining.configure")

// movedError ends a session because of client.reconnect.
type movedError struct {
	to   address
	wait time.Duration
}

func (e *movedError) Error() string { return "the pool requests a reconnect to " + e.to.String() }

// Run implements [miner.Source]. On client.reconnect it continues at another address
// of the pool, but every call begins at that of the options. It ends with an error
// of the kind [stratum.ErrFormat] if the pool sends too many lines that cannot be
// read.
func (c *Client) Run(ctx context.Context, m miner.Session) error {
	at, configure := c.at, c.options.VersionMask != 0
	for moves, closed := 0, 0; ; {
		err := c.connect(ctx, m, at, configure)
		var moved *movedError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &moved):
			if moves++; moves > maxMoves {
				return fmt.Errorf("%w: too many reconnects", err)
			}
			c.log.Info("pool requests reconnect", "to", clean(moved.to.String()), "wait", moved.wait)
			if err := sleep(ctx, moved.wait); err != nil {
				return err
			}
			at = moved.to
		case errors.Is(err, errConfigure):
			// One lost connection may be an accident, so version rolling gets a second
			// try.
			if closed++; closed > 1 {
				configure = false
			}
			c.log.Info("reconnecting", "err", clean(err.Error()), "version_rolling", configure)
			if err := sleep(ctx, time.Second); err != nil {
				return err
			}
		case at != c.at:
			return fmt.Errorf("at %s: %w", at.name(), err)
		default:
			return err
		}
	}
}

// connect runs one connection, from dialing to its end.
func (c *Client) connect(ctx context.Context, m miner.Session, at address, configure bool) error {
	conn, err := c.dial(ctx, at)
	if err != nil {
		return err
	}
	s := newSession(c, m, conn, at)
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		s.end(s.read())
	}()
	stop := context.AfterFunc(ctx, func() { s.end(ctx.Err()) })
	defer stop()

	err = s.keep(configure)
	s.end(err)
	<-reading
	c.detach(s, err)
	return err
}

// detach makes the shares of a session that have no answer wait for the next one.
func (c *Client) detach(s *session, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == s {
		c.session = nil
	}
	if s.asking && errors.Is(err, errEnded) {
		c.noExtranonce = true
	}
	for _, sh := range c.shares {
		if sh.on == s {
			sh.on = nil
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// clean returns text of the pool as it may be shown.
func clean(s string) string { return text.Clean(s, text.Max) }

// scrub returns text of the pool without user and password, which some pools
// repeat in their answers. The text may be clean already.
func (c *Client) scrub(words string) string {
	for _, secret := range []string{c.options.User, c.options.Password} {
		if len(secret) > 3 { // shorter ones are in any text
			words = strings.ReplaceAll(words, secret, "...")
			words = strings.ReplaceAll(words, text.Clean(secret, len(secret)), "...")
		}
	}
	return words
}
