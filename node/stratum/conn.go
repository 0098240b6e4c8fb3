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
	// lastWithin is for what is queued when the connection ends: it may say why.
	lastWithin = 200 * time.Millisecond

	// A miner may send so many lines a second, for a while more; then it has to
	// wait.
	linesPerSecond = 500
	linesAtOnce    = 2000
	// All miners of an address together may send so many, so that none can take a
	// whole core with the connections that it may have. 1,000 miners send 350.
	addressLinesPerSecond = 2000
	addressLinesAtOnce    = 10_000
	// mostQueued is how many bytes may wait to be read by a miner.
	mostQueued = 256 << 10
	// mostRejected is after how many bad shares without a good one a connection
	// ends. Stale ones do not count.
	mostRejected = 200
	// mostRefused is how many requests may be refused at once for what they are, and
	// refusedPerSecond how many in the long run: some miners ask again for each job.
	mostRefused      = 100
	refusedPerSecond = 1
	// mostWorkers is how many names one connection may have.
	mostWorkers = 256
)

// Why connections end.
var (
	errGarbage    = errors.New("it does not speak Stratum")
	errSlow       = errors.New("it does not read what it is sent")
	errResumed    = errors.New("its session goes on over another connection")
	errRefused    = errors.New("too many bad requests")
	errRejected   = errors.New("too many bad shares")
	errCrowdedOut = errors.New("it has had no good share, and another miner needs the place")
	errLate       = errors.New("it has not authorized in time")
	errWentQuiet  = errors.New("it has been silent for too long")
)

// conn is a connection to a miner, or to a proxy with several.
type conn struct {
	server  *Server
	net     net.Conn
	addr    netip.Addr // zero: unknown
	log     *slog.Logger
	out     outbox
	queued  wake.Signal // set when the writer has something to send
	writing sync.Mutex  // held while the outbox is sent

	ctx  context.Context // ends when the connection shall end
	stop context.CancelCauseFunc

	crowdedOut bool // had to make room for another; of Server.mu

	mu         sync.Mutex // guards what follows
	session    *session   // of its own until the miner subscribes
	subscribed bool
	agent      string
	mask       uint32 // of the version bits that the miner may roll
	key        record.Key
	workers    map[string]bool // that may send shares; empty: not authorized
	name       string          // of the first
	told       float64         // difficulty, 0: none yet
	target     pow.Target      // of told
	given      bool            // a job, over this connection
	refusals   *rate.Limiter   // of requests
	rejected   int             // shares in a row
	work       workRate
	counts     counts
	since      time.Time
	lastGood   time.Time // share
}

// newConn returns a connection that shall end with ctx.
func newConn(ctx context.Context, s *Server, n net.Conn, addr netip.Addr) *conn {
	now := s.o.Now()
	c := &conn{
		server: s, net: n, addr: addr, since: now,
		log:     s.log.With("peer", n.RemoteAddr().String()),
		queued:  wake.New(),
		session: &session{diff: newVardiff(s.o.Difficulty, now)},
		workers: map[string]bool{},
		work:    newWorkRate(now),

		refusals: rate.NewLimiter(refusedPerSecond, mostRefused),
	}
	c.ctx, c.stop = context.WithCancelCause(ctx)
	return c
}

// serve talks to the miner until the connection ends.
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
	err := text.Error(context.Cause(c.ctx), text.Max)
	if errors.Is(err, errGarbage) || errors.Is(err, errRejected) || errors.Is(err, errRefused) {
		if c.server.bans.strike(c.addr) {
			c.log.Warn("a Stratum miner is banned", "reason", err, "for", banFor)
		}
	}
	level := slog.LevelDebug
	if c.name != "" {
		level = slog.LevelInfo
	}
	c.log.Log(context.WithoutCancel(c.ctx), level, "Stratum miner has left", "worker", c.name, "reason", err)
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.server.sessions.leave(c.session, c, c.server.o.Now())
}

// read reads and answers lines until the connection ends. The error says why.
func (c *conn) read() error {
	limits := []*rate.Limiter{rate.NewLimiter(linesPerSecond, linesAtOnce)}
	if !c.addr.IsLoopback() {
		limits = append(limits, c.server.rates.Of(c.net.RemoteAddr().String()))
	}
	lines := bufio.NewReaderSize(c.net, stratum.MaxRequest+1)
	deadline := time.Now().Add(authorizeWithin)
	for {
		quiet := errLate
		if c.works() {
			deadline, quiet = time.Now().Add(idleFor), errWentQuiet
		}
		_ = c.net.SetReadDeadline(deadline)
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("%w: a line has more than %d bytes", errGarbage, stratum.MaxRequest)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return quiet
		case errors.Is(err, io.EOF):
			return errors.New("it hung up")
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

// write sends what others than the reader have queued, until the connection ends,
// and closes it.
func (c *conn) write() {
	defer c.net.Close() // which wakes the reader
	for c.ctx.Err() == nil {
		select {
		case <-c.queued:
		case <-c.ctx.Done():
		}
		c.flush()
	}
}

// flush sends what is queued. The reader does it by itself after each line: to
// wake another goroutine for that costs more than all the rest of a share.
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

// nudge lets the writer send what is queued.
func (c *conn) nudge() { c.queued.Wake() }

// send queues an answer or a notification. Then comes flush or nudge.
func (c *conn) send(line []byte) {
	if !c.out.put(line) {
		c.stop(errSlow)
	}
}

func (c *conn) sendMessage(m stratum.Message) { c.send(m.Append(nil)) }

// works reports whether the miner gets work.
func (c *conn) works() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ready()
}

// ready is works with the lock held.
func (c *conn) ready() bool { return c.subscribed && len(c.workers) > 0 }

// ifReady calls f with both locks held, if the miner gets work.
func (c *conn) ifReady(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ready() {
		return
	}
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	f()
}

// offer gives the miner the newest work, if it has not got it.
func (c *conn) offer() {
	c.ifReady(func() {
		if w := c.server.newestWork(); w != nil && (w.seq > c.session.last.seq || !c.given) {
			c.issue(w)
		}
	})
}

// tick thinks the difficulty over.
func (c *conn) tick() {
	c.ifReady(func() {
		c.think()
		c.work.read(c.server.o.Now())
	})
}

// again gives the miner the newest work with another difficulty. Both locks are
// held.
func (c *conn) again() {
	if w := c.server.newestWork(); w != nil && c.ready() && c.session.diff.at(w.ceiling) != c.told {
		c.issue(w)
	}
}

// issue gives the miner a job. Both locks are held.
func (c *conn) issue(w *work) {
	if c.ctx.Err() != nil {
		return // the session may be that of another connection by now
	}
	s := c.session
	id := jobID{seq: w.seq}
	if s.last.seq == w.seq {
		id.again = s.last.again + 1
		if id.again == 0 || id.again > mostAgain && c.given {
			return // so many times; there will be other work soon
		}
	}
	clean := s.enter(w.template.Prev)
	if d := s.diff.at(w.ceiling); d != c.told {
		exact := difficulty(d)
		c.told, c.target = d, exact.Target()
		c.sendMessage(stratum.Request("", stratum.MethodSetDifficulty, stratum.FormatDifficulty(exact)))
	}
	s.give(id, issue{key: c.key, difficulty: c.told, target: c.target, epoch: s.diff.epoch})
	if id.again == 0 {
		s.time = w.template.Time
		c.send(w.notify(c.key, clean))
	} else {
		s.time = max(s.time, uint32(c.server.o.Now().Unix()))
		c.send(notify(w.of(id, c.key), id, s.time, clean))
	}
	c.given = true
}

// think gives the miner another difficulty if its shares ask for one. Both locks
// are held.
func (c *conn) think() {
	w := c.server.newestWork()
	if w != nil && c.session.diff.think(c.server.o.Now(), w.ceiling) {
		c.again()
	}
}

// outbox holds what waits to be sent.
type outbox struct {
	mu  sync.Mutex
	buf []byte
}

// put adds a line. It returns false if too much is waiting.
func (o *outbox) put(line []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.buf)+len(line) > mostQueued {
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
