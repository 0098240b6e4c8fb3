package stratumtest

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
)

// Options configure a pool, and its misbehaviour. The zero value is a pool without
// faults.
type Options struct {
	User, Password string // the only ones that are accepted; "": all

	Difficulty      string // at first, as JSON; "": 1
	Mask            uint32 // of version rolling, whatever the miner requests; 0: 1fffe000
	Extranonce1     string // of the first session in hex; later ones count on. "": 08000002
	Extranonce2Size int    // 0: 4
	Job             Job    // the first; none: MakeJob(1, 1, true)
	NoJob           bool   // sends none
	AtOnce          bool   // a new difficulty applies to earlier jobs too
	Resume          bool   // resumes a session that a miner names

	TLS *tls.Config // nil: none

	Configure     Reaction // to mining.configure
	Session       Reaction // to mining.subscribe with a session
	Authorize     Reaction // to mining.authorize; Fail answers false
	Extranonce    Reaction // to mining.extranonce.subscribe
	Subscriptions string   // the first part of the answer to mining.subscribe, as JSON
	Early         bool     // sends difficulty and job before the answer to mining.authorize
	Earliest      bool     // and even before that to mining.subscribe
	StringIDs     bool     // the ids of answers are strings
	WrongIDs      bool     // answers without a request follow every answer
	OnePacket     bool     // lines that belong together are sent together
	Halves        bool     // lines are sent in two pieces

	// AnnounceDifficulty decides whether a connection, which count from 1, is sent the
	// difficulty; nil: all are.
	AnnounceDifficulty func(connection int) bool

	// Notify changes the parameters of mining.notify; nil: they stay as they are.
	Notify func(params []any) []any

	// Refusal decides about mining.authorize number n (from 1 on, over all
	// connections): the result and the error of the answer, as members of JSON, or
	// "" to serve it; nil: every one is served.
	Refusal func(n int) string

	// Share decides about the share number n (from 1 on, over all connections); nil:
	// every one is checked.
	Share func(n int) Reaction
}

// Reaction is what a pool does with a request.
type Reaction int

// Reactions.
const (
	Serve    Reaction = iota // correctly
	Fail                     // answer with an error
	Ignore                   // do not answer
	HangUp                   // close the connection instead of serving it
	HangUpOn                 // serve it, and close the connection instead of answering
	Late                     // serve it, and everything after it, 10 seconds later
)

// Share is a share that the pool has checked.
type Share struct {
	Session     string // extranonce1 of its connection
	Job         string
	Extranonce2 string
	NTime       string
	Nonce       string
	Version     uint32
	Header      []byte
	Hash        *big.Int
	Code        int // 0: accepted; else the code of the rejection
}

// Pool is a pool; make one with [New]. Safe for concurrent use.
type Pool struct {
	t testing.TB
	o Options
	l net.Listener

	serving sync.WaitGroup

	mu          sync.Mutex
	closed      bool
	conns       []*conn // that are open
	connections int     // ever
	extranonce  *big.Int
	sessions    map[string]*conn // session id: the last connection
	job         Job
	difficulty  string
	shares      []Share
	authorizes  int
	submits     int
	methods     []string
	answers     []json.RawMessage
	suggested   []string
	faults      []string
	changed     chan struct{} // closed, and made anew, when anything of this changes
}

// New starts a pool on a port of loopback. It stops at the end of the test, which
// fails then if there were faults.
func New(t testing.TB, o Options) *Pool {
	t.Helper()
	p := NewSilent(t, o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.l = l
	p.serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.Serve(c)
		}
	})
	return p
}

// NewSilent returns a pool that does not listen. It gets connections by [Pool.Serve].
func NewSilent(t testing.TB, o Options) *Pool {
	if o.Difficulty == "" {
		o.Difficulty = "1"
	}
	if o.Mask == 0 {
		o.Mask = 0x1fffe000
	}
	if o.Extranonce1 == "" {
		o.Extranonce1 = "08000002"
	}
	if o.Extranonce2Size == 0 {
		o.Extranonce2Size = 4
	}
	if o.Job.ID == "" {
		o.Job = MakeJob(1, 1, true)
	}
	p := &Pool{
		t: t, o: o,
		extranonce: new(big.Int).SetBytes(unhex(o.Extranonce1)),
		sessions:   map[string]*conn{},
		job:        o.Job,
		difficulty: o.Difficulty,
		changed:    make(chan struct{}),
	}
	t.Cleanup(func() {
		p.Close()
		for _, f := range p.Faults() {
			t.Error("stratumtest: ", f)
		}
	})
	return p
}

// URL returns the URL of the pool.
func (p *Pool) URL() string {
	scheme := "stratum+tcp://"
	if p.o.TLS != nil {
		scheme = "stratum+ssl://"
	}
	return scheme + p.l.Addr().String()
}

// Serve serves a connection, which it owns from then on. It returns at once.
func (p *Pool) Serve(nc net.Conn) {
	if p.o.TLS != nil {
		nc = tls.Server(nc, p.o.TLS)
	}
	c := newConn(p, nc)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = nc.Close()
		return
	}
	p.conns = append(p.conns, c)
	p.connections++
	p.touch()
	p.serving.Go(c.read)
	p.serving.Go(c.send)
}

// Close stops the pool and waits for its goroutines.
func (p *Pool) Close() {
	if p.l != nil {
		_ = p.l.Close()
	}
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.Drop()
	p.serving.Wait()
}

// Drop closes all connections.
func (p *Pool) Drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.close()
	}
}

// touch wakes the callers of Wait. The caller must hold p.mu.
func (p *Pool) touch() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Wait waits until want returns true. It checks after every event, and waits forever:
// the deadline is that of the test.
func (p *Pool) Wait(want func(*Pool) bool) {
	for {
		p.mu.Lock()
		changed := p.changed
		p.mu.Unlock()
		if want(p) {
			return
		}
		<-changed
	}
}

// SetJob changes the first job of later connections.
func (p *Pool) SetJob(j Job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.job = j
}

// Notify sends a job to all miners, and makes it the first job of later connections.
func (p *Pool) Notify(j Job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.job = j
	for _, c := range p.conns {
		if c.authorized {
			c.notify()
		}
	}
}

// SetDifficulty sets the difficulty, JSON, of the jobs that follow.
func (p *Pool) SetDifficulty(d string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.difficulty = d
	for _, c := range p.conns {
		c.setDifficulty()
	}
}

// SetExtranonce sets the extranonces of the jobs that follow.
func (p *Pool) SetExtranonce(extranonce1 string, size int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.extranonce1, c.extranonce2 = extranonce1, size
		c.sendNotification("mining.set_extranonce", extranonce1, size)
	}
}

// SetMask sets the version mask, at once. A share by the mask before is rejected, but
// is not a fault: it may have been in flight.
func (p *Pool) SetMask(mask uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.before, c.mask = c.mask, mask
		c.sendNotification("mining.set_version_mask", fmt.Sprintf("%08x", mask))
	}
}

// Mute drops everything that the pool sends on its present connections from now on.
func (p *Pool) Mute() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.mute = true
	}
}

// Send sends text, unchanged, to all miners.
func (p *Pool) Send(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.queue([]byte(text))
	}
}

// get returns what f returns. It holds p.mu during the call.
func get[T any](p *Pool, f func() T) T {
	p.mu.Lock()
	defer p.mu.Unlock()
	return f()
}

// Shares returns all shares that were checked.
func (p *Pool) Shares() []Share { return get(p, func() []Share { return slices.Clone(p.shares) }) }

// Accepted returns how many shares were accepted.
func (p *Pool) Accepted() int {
	n := 0
	for _, s := range p.Shares() {
		if s.Code == 0 {
			n++
		}
	}
	return n
}

// Methods returns the methods of all requests, in order.
func (p *Pool) Methods() []string { return get(p, func() []string { return slices.Clone(p.methods) }) }

// Answers returns the miners' answers to requests of the pool: whole lines.
func (p *Pool) Answers() []json.RawMessage {
	return get(p, func() []json.RawMessage { return slices.Clone(p.answers) })
}

// Suggested returns the difficulties that miners suggested.
func (p *Pool) Suggested() []string {
	return get(p, func() []string { return slices.Clone(p.suggested) })
}

// Connections returns the number of connections since the start.
func (p *Pool) Connections() int { return get(p, func() int { return p.connections }) }

// Faults returns the violations of the protocol so far.
func (p *Pool) Faults() []string { return get(p, func() []string { return slices.Clone(p.faults) }) }

// Forgive clears the faults, for a test that provokes them.
func (p *Pool) Forgive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = nil
}
