package stratum

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"stele/engine/pow"
	"stele/engine/stratum"
	"stele/internal/text"
	"stele/internal/wake"
	"stele/node/ledger/record"
)

// The limits of a connection.
const (
	authorizeWithin = 30 * time.Second
	idleFor         = 24 * time.Hour // without a line from the miner; the system's keep-alive finds dead ones
	writeWithin     = 10 * time.Second
	// lastWithin is for what is queued when the connection ends, such as an error.
	lastWithin = 200 * time.Millisecond

	// A miner may send this many lines a second, and more in a burst; then the server
	// reads more slowly.
	linesPerSecond = 500
	linesAtOnce    = 2000
	// All miners of an address together may send this many, so that an address cannot
	// take a whole core with its connections. 1,000 miners send 350.
	addressLinesPerSecond = 2000
	addressLinesAtOnce    = 10_000
	// maxQueued bounds what waits to be read by a miner, in bytes.
	maxQueued = 256 << 10
	// maxBadShares bounds the bad shares in a row, without a good one in between.
	// Stale ones do not count.
	maxBadShares = 200
	// maxBadRequests bounds the bad requests in a burst, and badRequestsPerSecond in
	// the long run: some miners repeat one for each job.
	maxBadRequests       = 100
	badRequestsPerSecond = 1
	// maxWorkers bounds the names of one connection.
	maxWorkers = 256
)

// The reasons for the end of a connection. The log has them as they are.
var (
	errClosed      = errors.New("closed-by-peer")
	errGarbage     = errors.New("not-stratum")
	errSlow        = errors.New("slow-reader") // it does not read what it is sent
	errResumed     = errors.New("resumed")     // its session continues over another connection
	errBadRequests = errors.New("too-many-bad-requests")
	errBadShares   = errors.New("too-many-bad-shares")
	errEvicted     = errors.New("evicted")           // it has had no good share, and another miner needs the place
	errLate        = errors.New("authorize-timeout") // it has not authorized in time
	errIdle        = errors.New("idle-timeout")
	errStopped     = errors.New("server-stopped")
)

// endReason returns the reason for the end of a connection: one of those above, or
// another error of the network.
func endReason(cause error) error {
	switch {
	case errors.Is(cause, context.Canceled):
		return errStopped
	case errors.Is(cause, io.EOF), errors.Is(cause, syscall.ECONNRESET), errors.Is(cause, syscall.EPIPE):
		return errClosed
	}
	return text.Error(cause, text.Max)
}

// conn is a connection to a miner, or to a proxy with several.
type conn struct {
	server  *Server
	net     net.Conn
	addr    netip.Addr // zero: unknown
	log     *slog.Logger
	out     outbox
	queued  wake.Signal // set when the writer has something to send
	writing sync.Mutex  // held while the outbox is sent

	ctx  context.Context // ends when the connection must end
	stop context.CancelCauseFunc

	evicted bool // Server.mu guards it

	mu         sync.Mutex // guards what follows
	session    *session   // of its own until the miner subscribes
	subscribed bool
	agent      string
	mask       uint32 // of the version bits that the miner may roll
	key        record.Key
	workers    map[string]bool // that may send shares; empty: not authorized
	name       string          // of the first
	hasJob     bool            // over this connection

	currentDifficulty float64    // as the miner knows it; 0: none yet
	target            pow.Target // of currentDifficulty

	badRequests *rate.Limiter
	badShares   int // in a row
	work        workRate
	counts      counts
	since       time.Time
	lastGood    time.Time // share
}

// newConn returns a connection that ends with ctx.
func newConn(ctx context.Context, s *Server, n net.Conn, addr netip.Addr) *conn {
	now := s.o.Now()
	c := &conn{
		server: s, net: n, addr: addr, since: now,
		log:     s.log.With("peer", n.RemoteAddr().String()),
		queued:  wake.New(),
		session: &session{diff: newVardiff(s.o.Difficulty, now)},
		workers: map[string]bool{},
		work:    newWorkRate(now),

		badRequests: rate.NewLimiter(badRequestsPerSecond, maxBadRequests),
	}
	c.ctx, c.stop = context.WithCancelCause(ctx)
	return c
}

// serve serves the miner until the connection ends.
func (c *conn) serve() {
	var writer sync.WaitGroup
	writer.Go(c.write)
	defer context.AfterFunc(c.ctx, func() {
		_ = c.net.SetWriteDeadline(time.Now().Add(lastWithin)) // of a write under way
	})()
	c.stop(c.read())
	writer.Wait()

	c.mu.Lock()
	defer c.mu.Unlock()
	reason := endReason(context.Cause(c.ctx))
	if errors.Is(reason, errGarbage) || errors.Is(reason, errBadShares) || errors.Is(reason, errBadRequests) {
		if c.server.bans.strike(c.addr) {
			c.log.Warn("miner banned", "reason", reason, "for", banFor)
		}
	}
	level := slog.LevelDebug
	if c.name != "" {
		level = slog.LevelInfo
	}
	c.log.Log(context.WithoutCancel(c.ctx), level, "miner disconnected", "worker", c.name, "reason", reason)
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.server.sessions.release(c.session, c, c.server.o.Now())
}

// read reads and answers lines until the connection ends, and returns why.
func (c *conn) read() error {
	limits := []*rate.Limiter{rate.NewLimiter(linesPerSecond, linesAtOnce)}
	if !c.addr.IsLoopback() {
		limits = append(limits, c.server.rates.Of(c.net.RemoteAddr().String()))
	}
	lines := bufio.NewReaderSize(c.net, stratum.MaxRequest+1)
	deadline := time.Now().Add(authorizeWithin)
	for {
		timeout := errLate
		if c.authorized() {
			deadline, timeout = time.Now().Add(idleFor), errIdle
		}
		_ = c.net.SetReadDeadline(deadline)
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("%w: a line has more than %d bytes", errGarbage, stratum.MaxRequest)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return timeout
		case err != nil:
			return err
		}
		for _, limit := range limits {
			if err := limit.Wait(c.ctx); err != nil {
				return err
			}
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		m, err := stratum.ParseMessage(line)
		if err != nil {
			return fmt.Errorf("%w: %w", errGarbage, err)
		}
		err = c.handle(m)
		c.flush()
		if err != nil {
			return err
		}
	}
}

// write sends what goroutines other than the reader have queued, until the connection
// ends, and closes it.
func (c *conn) write() {
	defer c.net.Close() // which also ends the reader
	for c.ctx.Err() == nil {
		select {
		case <-c.queued:
		case <-c.ctx.Done():
		}
		c.flush()
	}
}

// flush sends what is queued. The reader calls it after each line: waking another
// goroutine costs more than all the rest of a share.
func (c *conn) flush() {
	c.writing.Lock()
	defer c.writing.Unlock()
	queued := c.out.take()
	if len(queued) == 0 {
		return
	}
	_ = c.net.SetWriteDeadline(time.Now().Add(writeWithin))
	if c.ctx.Err() != nil {
		_ = c.net.SetWriteDeadline(time.Now().Add(lastWithin))
	}
	if _, err := c.net.Write(queued); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = errSlow
		}
		c.stop(err)
	}
}

// wakeWriter makes the writer send what is queued.
func (c *conn) wakeWriter() { c.queued.Wake() }

// send queues a line. The caller calls flush or wakeWriter afterwards.
func (c *conn) send(line []byte) {
	if !c.out.put(line) {
		c.stop(errSlow)
	}
}

func (c *conn) sendMessage(m stratum.Message) { c.send(m.Append(nil)) }

// authorized reports whether the miner has subscribed and authorized.
func (c *conn) authorized() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.isReady()
}

// isReady is authorized for a caller that holds c.mu.
func (c *conn) isReady() bool { return c.subscribed && len(c.workers) > 0 }

// ifReady calls f with both locks held, if the miner gets work.
func (c *conn) ifReady(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.isReady() {
		return
	}
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	f()
}

// sendNewestWork sends the miner the newest work, unless it has it.
func (c *conn) sendNewestWork() {
	c.ifReady(func() {
		if w := c.server.newestWork(); w != nil && (w.seq > c.session.last.seq || !c.hasJob) {
			c.issue(w)
		}
	})
}

// tick re-evaluates vardiff even when no share arrives.
func (c *conn) tick() {
	c.ifReady(func() {
		c.adjustDifficulty()
		c.work.read(c.server.o.Now())
	})
}

// reissue sends the miner the newest work again if the difficulty has changed. The
// caller must hold c.mu and c.session.mu.
func (c *conn) reissue() {
	if w := c.server.newestWork(); w != nil && c.isReady() && c.session.diff.at(w.ceiling) != c.currentDifficulty {
		c.issue(w)
	}
}

// issue sends the miner a job. The caller must hold c.mu and c.session.mu.
func (c *conn) issue(w *work) {
	if c.ctx.Err() != nil {
		return // the session may be that of another connection by now
	}
	s := c.session
	id := jobID{seq: w.seq}
	if s.last.seq == w.seq {
		id.repeat = s.last.repeat + 1
		if id.repeat == 0 || id.repeat > maxRepeats && c.hasJob {
			return // often enough; there will be other work soon
		}
	}
	clean := s.switchTip(w.template.Prev)
	if d := s.diff.at(w.ceiling); d != c.currentDifficulty {
		exact := difficulty(d)
		c.currentDifficulty, c.target = d, exact.Target()
		c.sendMessage(stratum.Request("", stratum.MethodSetDifficulty, stratum.FormatDifficulty(exact)))
	}
	s.record(id, issue{key: c.key, difficulty: c.currentDifficulty, target: c.target, epoch: s.diff.epoch})
	if id.repeat == 0 {
		s.time = w.template.Time
		c.send(w.notify(c.key, clean))
	} else {
		s.time = max(s.time, uint32(c.server.o.Now().Unix()))
		c.send(notify(w.of(id, c.key), id, s.time, clean))
	}
	c.hasJob = true
}

// adjustDifficulty changes the miner's difficulty if its shares call for it. The
// caller must hold c.mu and c.session.mu.
func (c *conn) adjustDifficulty() {
	w := c.server.newestWork()
	if w != nil && c.session.diff.adjust(c.server.o.Now(), w.ceiling) {
		c.reissue()
	}
}

// outbox holds what waits to be sent. Safe for concurrent use.
type outbox struct {
	mu  sync.Mutex
	buf []byte
}

// put adds a line. It returns false if too much waits.
func (o *outbox) put(line []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.buf)+len(line) > maxQueued {
		return false
	}
	o.buf = append(o.buf, line...)
	return true
}

// take empties the box.
func (o *outbox) take() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.buf
	o.buf = nil
	return b
}
