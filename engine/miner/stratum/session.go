package stratum

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"stele/engine/miner"
	"stele/engine/pow"
	"stele/engine/stratum"
)

// session is one connection. Three kinds of goroutines use it: the reader, which
// handles what the pool sends, in order; keep, which makes the handshake and then
// watches; and those that submit shares.
type session struct {
	c     *Client
	miner miner.Session
	conn  net.Conn
	at    address

	writing sync.Mutex
	once    sync.Once
	err     error // why it ended; set before ended is closed
	ended   chan struct{}
	heard   atomic.Int64 // the time of the last line, in nanoseconds since begun; 0: none
	begun   time.Time

	// Client.mu guards what follows.
	lastID     uint64
	calls      map[uint64]func(stratum.Message) // handlers of the answers, by id
	announced  bool                             // the pool announces new extranonces without another request
	asking     bool                             // mining.extranonce.subscribe is out, on which it may close the connection
	rolling    bool                             // version rolling is on
	mask       uint32                           // the last one of the pool, which may be wider than the requested one
	subscribed bool
	authorized bool
	resumed    bool           // the extranonce is that of the last session
	extranonce extranonce     // of the next job
	difficulty pow.Difficulty // the newest announced, of the next job; 0: none yet
	job        *job           // newest
	worked     bool           // the miner has received work
}

func newSession(c *Client, m miner.Session, conn net.Conn, at address) *session {
	return &session{
		c: c, miner: m, conn: conn, at: at,
		ended: make(chan struct{}), begun: time.Now(),
		calls: map[uint64]func(stratum.Message){},
	}
}

// end closes the connection. Only the first error counts.
func (s *session) end(err error) {
	s.once.Do(func() {
		s.err = err
		close(s.ended)
		_ = s.conn.Close()
	})
}

// errEnded says that the pool, or the network, closed the connection.
var errEnded = errors.New("connection lost")

// connectionError returns the error of a failed read or write in the user's words.
func (s *session) connectionError(err error) error {
	switch {
	case !isClosedByPeer(err):
		return fmt.Errorf("%w: %w", errEnded, err)
	case s.heard.Load() == 0 && !s.at.tls:
		return fmt.Errorf("%w: the pool closed the connection at once; for a pool with TLS use stratum+ssl://", errEnded)
	default:
		return fmt.Errorf("%w: closed by the pool", errEnded)
	}
}

// isClosedByPeer reports whether it is the other side that closed the connection.
func isClosedByPeer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// read handles lines until the connection ends.
func (s *session) read() error {
	in := bufio.NewReaderSize(s.conn, stratum.MaxLine+2)
	good, bad := 0, 0
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull) || len(bytes.TrimRight(line, "\r\n")) > stratum.MaxLine:
			return fmt.Errorf("%w: a line of more than %d bytes", stratum.ErrFormat, stratum.MaxLine)
		case err != nil:
			return s.connectionError(err)
		}
		s.heard.Store(max(1, int64(time.Since(s.begun))))
		m, err := stratum.ParseMessage(line)
		if err == nil {
			if m.Err != nil {
				m.Err.Text = s.c.scrub(m.Err.Text)
			}
			good++
			err = s.handle(m)
		}
		if errors.Is(err, stratum.ErrFormat) { // the pool's mistake; a few are tolerated
			s.c.log.Warn("invalid message from pool", "err", clean(s.c.scrub(err.Error())))
			if bad++; good > 0 && bad <= maxBadLines {
				err = nil
			}
		}
		if err != nil {
			return err
		}
	}
}

// write sends a message. If that fails, the session ends.
func (s *session) write(m stratum.Message) {
	s.writing.Lock()
	defer s.writing.Unlock()
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := s.conn.Write(m.Append(nil)); err != nil {
		s.end(s.connectionError(err))
	}
}

// request sends a request. The reader calls answered with the answer, if there is
// one.
func (s *session) request(build func(stratum.ID) stratum.Message, answered func(stratum.Message)) {
	s.c.mu.Lock()
	id := s.expect(answered)
	s.c.mu.Unlock()
	s.write(build(id))
}

// expect returns a new id, whose answer goes to answered. The caller must hold
// Client.mu.
func (s *session) expect(answered func(stratum.Message)) stratum.ID {
	s.lastID++
	s.calls[s.lastID] = answered
	return stratum.NumberID(s.lastID)
}

// notice sends a request whose answer does not matter.
func (s *session) notice(method string, params ...any) {
	s.request(func(id stratum.ID) stratum.Message { return stratum.Request(id, method, params...) }, func(m stratum.Message) {
		if m.Err != nil {
			s.c.log.Debug("request rejected by pool", "method", method, "err", m.Err)
		}
	})
}

// errSilent is the error of a request that is not answered in time.
var errSilent = errors.New("no answer in time")

// call sends a request and waits until the reader has handled the answer. The reader
// does that, so that the next message of the pool finds it done.
func (s *session) call(timeout time.Duration, build func(stratum.ID) stratum.Message, handle func(stratum.Message) error) error {
	done := newResult()
	s.request(build, func(m stratum.Message) { done <- handle(m) })
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-s.ended:
		select {
		case err := <-done: // the last message of the pool
			return err
		default:
			return s.err
		}
	case <-t.C:
		return errSilent
	}
}

func newResult() chan error { return make(chan error, 1) }

// keep makes the handshake and then watches the session until it ends.
func (s *session) keep(configure bool) error {
	if err := s.handshake(configure); err != nil {
		return err
	}
	s.subscribeExtranonce()
	tick := time.NewTicker(tickTime)
	defer tick.Stop()
	for asked := (suggestion{}); ; {
		asked.update(s)
		select {
		case <-s.ended:
			return s.err
		case <-tick.C:
		}
		s.survived()
		silent := time.Since(s.begun) - time.Duration(s.heard.Load())
		idle, worked := s.c.patience(s)
		switch {
		case !worked && time.Since(s.begun) > workTimeout:
			return errors.New("no job from the pool")
		case silent > idle+probeTimeout:
			return fmt.Errorf("the pool has been silent for %v", silent.Round(time.Second))
		case silent > idle:
			s.notice(s.probe())
		}
		s.c.expire(s)
	}
}

// subscribeExtranonce asks the pool to announce new extranonces, if mining.configure
// did not. Some pools close the connection on that.
func (s *session) subscribeExtranonce() {
	s.c.mu.Lock()
	s.asking = !s.announced && !s.c.noExtranonce
	asking := s.asking
	s.c.mu.Unlock()
	if asking {
		s.request(func(id stratum.ID) stratum.Message { return stratum.Request(id, stratum.MethodExtranonceSubscribe) }, func(stratum.Message) { s.survived() })
	}
}

// survived records that the pool has not closed the connection.
func (s *session) survived() {
	s.c.mu.Lock()
	s.asking = false
	s.c.mu.Unlock()
}

// probe returns a harmless method that every pool answers, if only with an error.
func (s *session) probe() string {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.c.noExtranonce {
		return stratum.MethodPing
	}
	return stratum.MethodExtranonceSubscribe
}

// handshake sends mining.configure, mining.subscribe and mining.authorize.
func (s *session) handshake(configure bool) error {
	o := &s.c.options
	if configure {
		ask := stratum.Configure{VersionRolling: true, VersionMask: o.VersionMask, MinBits: min(2, bits.OnesCount32(o.VersionMask)), SubscribeExtranonce: true}
		// Old pools do not answer. A slow one may still do so, before it answers
		// mining.subscribe.
		switch err := s.call(configureTimeout, ask.Message, s.configured); {
		case errors.Is(err, errSilent):
			s.c.log.Info("no answer to mining.configure yet, no version rolling until then")
		case err != nil:
			return fmt.Errorf("%w: %w", errConfigure, err)
		}
	}
	s.c.mu.Lock()
	resume := s.c.sessionID
	s.c.mu.Unlock()
	err := s.subscribe(resume)
	if rejection, ok := errors.AsType[*stratum.Error](err); ok && resume != "" {
		s.c.log.Debug("session not resumed by pool", "err", rejection)
		err = s.subscribe("")
	} else if err != nil { // perhaps because of the session
		s.c.mu.Lock()
		s.c.sessionID = ""
		s.c.mu.Unlock()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", stratum.MethodSubscribe, err)
	}
	err = s.call(answerTimeout, func(id stratum.ID) stratum.Message {
		return stratum.Request(id, stratum.MethodAuthorize, o.User, o.Password)
	}, s.authorizedBy)
	if err != nil {
		return fmt.Errorf("%s: %w", stratum.MethodAuthorize, err)
	}
	return nil
}

// configured handles the answer to mining.configure. Old pools answer with an
// error: then there is no version rolling.
func (s *session) configured(m stratum.Message) error {
	if m.Err != nil {
		s.c.log.Debug("no version rolling", "err", m.Err)
		return nil
	}
	got, err := stratum.ParseConfigured(m.Result)
	if err != nil {
		s.c.log.Warn("no version rolling", "err", clean(err.Error()))
		return nil
	}
	s.c.mu.Lock()
	s.rolling = got.VersionRolling
	s.mask = got.VersionMask
	s.announced = got.SubscribeExtranonce
	s.c.mu.Unlock()
	s.sendWork(nil) // if the handshake is over already
	return nil
}

func (s *session) subscribe(resume string) error {
	return s.call(answerTimeout, func(id stratum.ID) stratum.Message {
		if resume == "" {
			return stratum.Request(id, stratum.MethodSubscribe, s.c.options.Agent)
		}
		return stratum.Request(id, stratum.MethodSubscribe, s.c.options.Agent, resume)
	}, s.subscribedTo)
}

// subscribedTo handles the answer to mining.subscribe.
func (s *session) subscribedTo(m stratum.Message) error {
	if m.Err != nil {
		return m.Err
	}
	sub, err := stratum.ParseSubscription(m.Result)
	if err != nil {
		return err
	}
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	s.extranonce = extranonce{sub.Extranonce1, sub.Extranonce2Size}
	s.resumed = c.generation > 0 && s.extranonce.equal(c.extranonce)
	s.subscribed = true
	if s.job != nil { // it arrived before this answer
		s.job.extranonce = s.extranonce
	}
	c.sessionID, c.extranonce = sub.Session, s.extranonce
	c.lose(func(sh *share) bool { return !sh.job.extranonce.equal(s.extranonce) }, "the pool started a new session")
	return nil
}

// authorizedBy handles the answer to mining.authorize, and sends the miner a job that
// arrived before it.
func (s *session) authorizedBy(m stratum.Message) error {
	switch {
	case m.Err != nil && m.Err.RejectsUser():
		return s.c.rejections.Rejected(m.Err)
	case m.Err != nil: // the pool's own trouble, which passes
		return m.Err
	case string(m.Result) == "false":
		return s.c.rejections.Rejected(errUser)
	}
	s.c.mu.Lock()
	s.authorized = true
	s.c.mu.Unlock()
	s.c.rejections.Accepted()
	s.sendWork(nil)
	return nil
}

var errUser = errors.New("wrong user or password")
