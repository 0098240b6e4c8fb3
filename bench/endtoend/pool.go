package endtoend

import (
	"bufio"
	"fmt"
	"net"
	"sync"
	"time"

	"stele/engine/pow"
	"stele/engine/stratum"
)

// writeTimeout bounds a write to the miner, which is in the same process.
const writeTimeout = 10 * time.Second

// pool is a Stratum server for one miner. Safe for concurrent use.
type pool struct {
	listener net.Listener
	serving  sync.WaitGroup // the goroutines

	mu         sync.Mutex // guards what follows, and writes
	conn       net.Conn   // of the miner; nil: none
	authorized bool
	difficulty pow.Difficulty
	referee    referee
	number     uint64               // of the newest job
	written    map[uint64]time.Time // when each job was sent, since the last call of forget
	accepted   uint64               // shares
	failed     error                // of the last connection
}

// newPool listens on a free port of loopback. The first job has difficulty d.
func newPool(mask uint32, d pow.Difficulty) (*pool, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("pool on loopback: %w", err)
	}
	p := &pool{listener: l, difficulty: d, referee: referee{mask: mask}, written: map[uint64]time.Time{}}
	p.nextJob()
	p.serving.Go(p.accept)
	return p, nil
}

// url returns the address for a Stratum client.
func (p *pool) url() string { return "stratum+tcp://" + p.listener.Addr().String() }

// close ends the pool and waits for its goroutines.
func (p *pool) close() {
	_ = p.listener.Close() // nothing was written
	p.mu.Lock()
	if p.conn != nil {
		_ = p.conn.Close() // the miner has ended
	}
	p.mu.Unlock()
	p.serving.Wait()
}

// accept serves one connection after the other.
func (p *pool) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.serve(conn)
	}
}

// serve answers the requests of a connection until it ends.
func (p *pool) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }() // the miner has ended, or broke the protocol
	p.mu.Lock()
	p.conn, p.authorized = conn, false
	p.mu.Unlock()
	in := bufio.NewReaderSize(conn, stratum.MaxRequest+2)
	for {
		line, err := in.ReadSlice('\n')
		if err == nil {
			var m stratum.Message
			if m, err = stratum.ParseMessage(line); err == nil {
				err = p.handle(m)
			}
		}
		if err != nil {
			p.mu.Lock()
			p.conn, p.failed = nil, err
			p.mu.Unlock()
			return
		}
	}
}

// handle answers a message.
func (p *pool) handle(m stratum.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.Method == "" {
		return nil // an answer
	}
	answer := p.answer(m)
	if err := p.write(answer); err != nil {
		return err
	}
	if m.Method == stratum.MethodAuthorize {
		p.authorized = true
		return p.announce()
	}
	return nil
}

// answer returns the answer to a request. The caller must hold p.mu.
func (p *pool) answer(m stratum.Message) stratum.Message {
	switch m.Method {
	case stratum.MethodConfigure:
		request, err := stratum.ParseConfigure(m.Params)
		if err != nil {
			return stratum.Reject(m.ID, stratum.CodeOther, err.Error())
		}
		granted := stratum.Configured{SubscribeExtranonce: request.SubscribeExtranonce}
		if request.VersionRolling {
			p.referee.mask &= request.VersionMask
			granted.VersionRolling, granted.VersionMask = p.referee.mask != 0, p.referee.mask
		}
		return granted.Answer(m.ID, &request)
	case stratum.MethodSubscribe:
		s := stratum.Subscription{Session: "1", Extranonce1: extranonce1, Extranonce2Size: extranonceSize}
		return s.Answer(m.ID)
	case stratum.MethodSubmit:
		s, err := stratum.ParseSubmit(m.Params)
		if err != nil {
			return stratum.Reject(m.ID, stratum.CodeOther, err.Error())
		}
		if code, text := p.referee.judge(s); code != 0 {
			return stratum.Reject(m.ID, code, text)
		}
		p.accepted++
	}
	return stratum.Answer(m.ID, true)
}

// write sends a message. The caller must hold p.mu.
func (p *pool) write(messages ...stratum.Message) error {
	var text []byte
	for _, m := range messages {
		text = m.Append(text)
	}
	if err := p.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := p.conn.Write(text)
	return err
}

// nextJob makes the next job, with the newest difficulty. The caller must hold p.mu.
func (p *pool) nextJob() {
	p.number++
	j := makeJob(p.number, uint32(time.Now().Unix()))
	p.referee.begin(j, p.difficulty.Target())
}

// announce sends the difficulty and the newest job. The caller must hold p.mu.
func (p *pool) announce() error {
	p.written[p.number] = time.Now()
	return p.write(
		stratum.Request("", stratum.MethodSetDifficulty, stratum.FormatDifficulty(p.difficulty)),
		p.referee.job.Message())
}

// send sends a new job with shares of difficulty d, and returns its number. Older jobs
// are void from then on.
func (p *pool) send(d pow.Difficulty) (uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.difficulty = d
	p.nextJob()
	if p.conn == nil || !p.authorized {
		return p.number, fmt.Errorf("the miner is not connected to the pool: %v", p.failed)
	}
	return p.number, p.announce()
}

// connected reports whether the miner can receive jobs.
func (p *pool) connected() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conn != nil && p.authorized
}

// counted returns the number of accepted shares.
func (p *pool) counted() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

// times returns when each job was sent since the last call.
func (p *pool) times() map[uint64]time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.written
	p.written = map[uint64]time.Time{}
	return t
}
