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

// session is one connection. Three may work on it at a time: the reader, which
// handles what the pool sends, in its order; keep, which greets and then watches;
// and those who submit shares.
type session struct {
	c     *Client
	miner miner.Session
	conn  net.Conn
	at    address

	writing sync.Mutex
	once    sync.Once
	err     error // why it ended; set before ended is closed
	ended   chan struct{}
	heard   atomic.Int64 // when the last line came, in nanoseconds since begun; 0 if none
	begun   time.Time

	// Of Client.mu.
	lastID     uint64
	calls      map[uint64]func(stratum.Message) // what to do with an answer
	announced  bool                             // the pool will tell new extranonces without being asked again
	asking     bool                             // it was asked to, and may hang up on that
	rolling    bool                             // version rolling is on
	mask       uint32                           // the last that the pool sent, which may be wider than what was asked for
	subscribed bool
	authorized bool
	resumed    bool           // the extranonce is that of the session before
	extranonce extranonce     // of the next job
	difficulty pow.Difficulty // the newest announced, of the next job; 0: none yet
	job        *job           // newest
	worked     bool           // the miner has got work
}

func newSession(c *Client, m miner.Session, conn net.Conn, at address) *session {
	return &session{
		c: c, miner: m, conn: conn, at: at,
		ended: make(chan struct{}), begun: time.Now(),
		calls: map[uint64]func(stratum.Message){},
	}
}

// end closes the connection. Only the first reason counts.
func (s *session) end(err error) {
	s.once.Do(func() {
		s.err = err
		close(s.ended)
		_ = s.conn.Close()
	})
}

// errEnded says that the pool ended the connection, or the network did.
var errEnded = errors.New("connection lost")

// lost tells in the user's words why nothing can be read or written any more.
func (s *session) lost(err error) error {
	switch {
	case !hungUp(err):
		return fmt.Errorf("%w: %w", errEnded, err)
	case s.heard.Load() == 0 && !s.at.tls:
		return fmt.Errorf("%w: the pool hung up without a word; if it wants TLS, its scheme is stratum+ssl://", errEnded)
	default:
		return fmt.Errorf("%w: the pool hung up", errEnded)
	}
}

// hungUp reports whether it is the other side that closed the connection.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// read handles one line after the other until the connection ends.
func (s *session) read() error {
	in := bufio.NewReaderSize(s.conn, stratum.MaxLine+2)
	good, bad := 0, 0
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull) || len(bytes.TrimRight(line, "\r\n")) > stratum.MaxLine:
			return fmt.Errorf("%w: a line of more than %d bytes", stratum.ErrFormat, stratum.MaxLine)
		case err != nil:
			return s.lost(err)
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
		if errors.Is(err, stratum.ErrFormat) { // the pool's mistake, but not the end
			s.c.log.Warn("cannot read what the pool says", "error", clean(s.c.scrub(err.Error())))
			if bad++; good > 0 && bad <= maxBadLines {
				err = nil
			}
		}
		if err != nil {
			return err
		}
	}
}

// write sends a line. If it cannot, the session ends.
func (s *session) write(m stratum.Message) {
	s.writing.Lock()
	defer s.writing.Unlock()
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := s.conn.Write(m.Append(nil)); err != nil {
		s.end(s.lost(err))
	}
}

// request sends a request. The reader calls answered with the answer, if one
// comes.
func (s *session) request(build func(stratum.ID) stratum.Message, answered func(stratum.Message)) {
	s.c.mu.Lock()
	id := s.expect(answered)
	s.c.mu.Unlock()
	s.write(build(id))
}

// expect returns a new id. Client.mu is locked.
func (s *session) expect(answered func(stratum.Message)) stratum.ID {
	s.lastID++
	s.calls[s.lastID] = answered
	return stratum.NumberID(s.lastID)
}

// notice sends a request whose answer does not matter.
func (s *session) notice(method string, params ...any) {
	s.request(func(id stratum.ID) stratum.Message { return stratum.Request(id, method, params...) }, func(m stratum.Message) {
		if m.Err != nil {
			s.c.log.Debug("the pool does not know it", "method", method, "answer", m.Err.Error())
		}
	})
}

// errSilent says that there was no answer in time.
var errSilent = errors.New("no answer in time")

// call sends a request and waits until the reader has handled the answer. It is
// handled there so that what the pool sends next finds it done.
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
		case err := <-done: // the last thing that the pool said
			return err
		default:
			return s.err
		}
	case <-t.C:
		return errSilent
	}
}

func newResult() chan error { return make(chan error, 1) }

// keep greets the pool and then watches the session until it ends.
func (s *session) keep(configure bool) error {
	if err := s.greet(configure); err != nil {
		return err
	}
	s.askExtranonce()
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
			return errors.New("the pool gives no work")
		case silent > idle+probeTimeout:
			return fmt.Errorf("the pool is silent for %v", silent.Round(time.Second))
		case silent > idle:
			s.notice(s.probe())
		}
		s.c.expire(s)
	}
}

// askExtranonce asks the pool to tell when the extranonce changes, if it was not
// asked before. Some pools hang up on that.
func (s *session) askExtranonce() {
	s.c.mu.Lock()
	s.asking = !s.announced && !s.c.noExtranonce
	asking := s.asking
	s.c.mu.Unlock()
	if asking {
		s.request(func(id stratum.ID) stratum.Message { return stratum.Request(id, stratum.MethodExtranonceSubscribe) }, func(stratum.Message) { s.survived() })
	}
}

// survived notes that the pool has not hung up.
func (s *session) survived() {
	s.c.mu.Lock()
	s.asking = false
	s.c.mu.Unlock()
}

// probe returns a method that does no harm and has an answer, if only that it is
// not known.
func (s *session) probe() string {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.c.noExtranonce {
		return stratum.MethodPing
	}
	return stratum.MethodExtranonceSubscribe
}

// greet does what comes before the first work: configure, subscribe, authorize.
func (s *session) greet(configure bool) error {
	o := &s.c.options
	if configure {
		ask := stratum.Configure{VersionRolling: true, VersionMask: o.VersionMask, MinBits: min(2, bits.OnesCount32(o.VersionMask)), SubscribeExtranonce: true}
		// Old pools keep silent. A slow one may still answer, and comes to that
		// before it answers mining.subscribe.
		switch err := s.call(configureTimeout, ask.Message, s.configured); {
		case errors.Is(err, errSilent):
			s.c.log.Info("no answer to mining.configure yet; without one there is no version rolling")
		case err != nil:
			return fmt.Errorf("%w: %w", errConfigure, err)
		}
	}
	s.c.mu.Lock()
	resume := s.c.sessionID
	s.c.mu.Unlock()
	err := s.subscribe(resume)
	if refused, ok := errors.AsType[*stratum.Error](err); ok && resume != "" {
		s.c.log.Debug("the pool does not resume sessions", "answer", refused)
		err = s.subscribe("")
	} else if err != nil { // perhaps it chokes on the session
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
		s.c.log.Debug("no version rolling", "answer", m.Err.Error())
		return nil
	}
	got, err := stratum.ParseConfigured(m.Result)
	if err != nil {
		s.c.log.Warn("no version rolling", "error", clean(err.Error()))
		return nil
	}
	s.c.mu.Lock()
	s.rolling = got.VersionRolling
	s.mask = got.VersionMask
	s.announced = got.SubscribeExtranonce
	s.c.mu.Unlock()
	s.giveWork(nil) // if it has come so far without
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
	if s.job != nil { // it came before this answer
		s.job.extranonce = s.extranonce
	}
	c.sessionID, c.extranonce = sub.Session, s.extranonce
	c.lose(func(sh *share) bool { return !sh.job.extranonce.equal(s.extranonce) }, "the pool began a new session")
	return nil
}

// authorizedBy handles the answer to mining.authorize, and gives the miner the
// job that may have come before it.
func (s *session) authorizedBy(m stratum.Message) error {
	switch {
	case m.Err != nil && m.Err.RejectsUser():
		return s.c.rejections.Rejected(m.Err)
	case m.Err != nil: // trouble of the pool's own, which passes
		return m.Err
	case string(m.Result) == "false":
		return s.c.rejections.Rejected(errUser)
	}
	s.c.mu.Lock()
	s.authorized = true
	s.c.mu.Unlock()
	s.c.rejections.Accepted()
	s.giveWork(nil)
	return nil
}

var errUser = errors.New("wrong user or password")
