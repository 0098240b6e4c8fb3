package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"stele/engine/pow"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/p2p/link"
	"stele/node/p2p/wire"
)

// Rates of hostile peers. They are chosen so that a peer within its limits would not
// reach them, and a laboratory on two cores still has time for the honest nodes.
const (
	floodPause     = 10 * time.Millisecond
	announcePause  = 5 * time.Second // between blocks, which cost the attacker a proof of work
	connectPause   = 200 * time.Millisecond
	reconnectPause = time.Second
	handshakeTime  = 5 * time.Second
)

// Attacker is a hostile peer. It calls one node again and again, and does what its
// attack is.
type Attacker struct {
	Attack    Attack
	Params    *network.Params
	Transport link.Transport
	Target    string // HOST:PORT
	Seed      uint64
	Now       func() time.Time // nil: time.Now
}

// Run attacks until ctx ends. It waits for all that it started.
func (a *Attacker) Run(ctx context.Context) {
	for i := uint64(0); ctx.Err() == nil; i++ {
		a.once(ctx, i)
		pause := reconnectPause
		if a.Attack == ComeAndGo {
			pause = connectPause
		}
		wait(ctx, pause)
	}
}

// wait waits for a while, and reports whether ctx has not ended.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// once makes one connection and uses it until it ends. Each has a key of its own.
func (a *Attacker) once(ctx context.Context, number uint64) {
	key, err := link.NewKey()
	if err != nil {
		return
	}
	dialing, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	raw, err := a.Transport.Dial(dialing, a.Target)
	if err != nil {
		return
	}
	conn, _, err := link.Client(dialing, raw, key, nil)
	if err != nil {
		return
	}
	if a.Attack == SlowBytes {
		a.drip(ctx, conn)
		return
	}
	s := &session{
		a: a, r: rand.New(rand.NewPCG(a.Seed, number)), started: make(chan struct{}),
		link: link.New(conn, link.Options{
			Limits: wire.Limits{MaxBlockSize: a.Params.MaxBlockSize}, Budget: link.NewBudget(link.BudgetBytes),
			Solicited: func(wire.Kind) bool { return true },
		}),
	}
	s.run(ctx)
}

// drip sends the begin of a frame, a byte a second.
func (a *Attacker) drip(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer conn.Close()
	frame, err := wire.Limits{MaxBlockSize: a.Params.MaxBlockSize}.Append(nil, a.hello(0))
	if err != nil {
		return
	}
	for _, b := range frame {
		if _, err := conn.Write([]byte{b}); err != nil || !wait(ctx, time.Second) {
			return
		}
	}
}

func (a *Attacker) now() time.Time {
	if a.Now != nil {
		return a.Now()
	}
	return time.Now()
}

// hello returns the hello of a peer that promises much.
func (a *Attacker) hello(nonce uint64) *wire.Hello {
	genesis := block.Genesis(a.Params).Hash()
	return &wire.Hello{
		Protocol: wire.Protocol, MinProtocol: wire.MinProtocol, Network: a.Params.ID, Genesis: genesis,
		Services: wire.ServesBlocks | wire.TakesRecords, Height: 1 << 20, Tip: pow.Hash{1}, Work: pow.Work{1 << 40},
		Port: 28699, Nonce: nonce, Agent: "hostile/1",
	}
}

// session is one connection of a hostile peer.
type session struct {
	a    *Attacker
	r    *rand.Rand // of the goroutine that attacks
	link *link.Link

	pushes  atomic.Bool // the node asked for compact blocks without a request
	begin   sync.Once
	started chan struct{} // closed after the peer's hello

	mu  sync.Mutex
	tip pow.Header // the best that the node has announced
	own map[pow.Hash]pow.Header
}

// run attacks until the link ends.
func (s *session) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() {
		defer cancel()
		_ = s.link.Run(ctx, s.handle)
	})
	if s.send(s.a.hello(rand.Uint64())) {
		select {
		case <-s.started:
			s.attack(ctx)
		case <-ctx.Done():
		}
	}
	cancel()
	work.Wait()
}

// send sends a message, and reports whether the link still works.
func (s *session) send(m wire.Message) bool {
	err := s.link.Send(m)
	return err == nil || !errors.Is(err, link.ErrClosed) && !errors.Is(err, link.ErrTooSlow)
}

// attack does what the attack is, until ctx or the link ends.
func (s *session) attack(ctx context.Context) {
	var step func() bool
	pause := announcePause
	switch s.a.Attack {
	case FloodHeaders:
		step, pause = s.floodHeaders, floodPause
	case WithholdBody, WrongBody:
		step = func() bool {
			return s.announce(func(h pow.Header) wire.Message { return &wire.Headers{Headers: []pow.Header{h}} })
		}
	case FalseCompact:
		step = func() bool {
			if s.pushes.Load() {
				return s.announce(s.falseCompact)
			}
			return s.announce(func(h pow.Header) wire.Message { return &wire.Headers{Headers: []pow.Header{h}} })
		}
	case EmptyHave:
		step, pause = s.emptyHave, 10*floodPause
	case BadSignatures:
		step, pause = s.badSignatures, 10*floodPause
	case ManyAddresses:
		step, pause = s.manyAddresses, 10*floodPause
	default: // ComeAndGo: the hello was all
		return
	}
	for step() && wait(ctx, pause) {
	}
}

// handle answers as little as keeps the connection alive, or with what the attack
// answers.
func (s *session) handle(m wire.Message) error {
	switch m := m.(type) {
	case *wire.Hello:
		s.begin.Do(func() { close(s.started) })
		genesis := block.Genesis(s.a.Params)
		s.mu.Lock()
		s.tip, s.own = genesis.Header, make(map[pow.Hash]pow.Header)
		s.mu.Unlock()
		s.send(&wire.GetHeaders{Locator: []pow.Hash{m.Tip, genesis.Hash()}})
	case *wire.Ping:
		s.send(&wire.Pong{Nonce: m.Nonce})
	case *wire.GetHeaders:
		s.send(&wire.Headers{})
	case *wire.GetAddrs:
		if s.a.Attack == ManyAddresses {
			s.send(s.addresses(wire.MaxAddrs))
		} else {
			s.send(&wire.Addrs{})
		}
	case *wire.Headers:
		s.learn(m.Headers)
	case *wire.Compact:
		s.learn([]pow.Header{m.Header})
	case *wire.GetBlocks:
		if s.a.Attack == WrongBody {
			s.wrongBodies(m.Hashes)
		}
	case *wire.Announce:
		s.pushes.Store(m.Push)
	case *wire.GetCompact:
		if h, own := s.made(m.Hash); own && s.a.Attack == FalseCompact {
			s.send(s.falseCompact(h))
		}
	}
	return nil
}

// learn notes the node's tip.
func (s *session) learn(headers []pow.Header) {
	if len(headers) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tip = headers[len(headers)-1]
}

// child returns a header on the node's tip, with a proof of work if that is easy.
func (s *session) child() (pow.Header, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.tip
	h.Prev, h.Time = s.tip.Hash(), max(s.tip.Time+1, uint32(s.a.now().Unix()))
	binary.LittleEndian.PutUint64(h.MerkleRoot[:], rand.Uint64())
	if !solve(&h) {
		return h, false
	}
	s.own[h.Hash()] = h
	return h, true
}

// made returns a header that this peer has made.
func (s *session) made(hash pow.Hash) (pow.Header, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.own[hash]
	return h, ok
}

// maxSolve bounds the hashes of an attacker for a header.
const maxSolve = 1 << 20

// solve gives a header a nonce that meets its target, if one is found soon.
func solve(h *pow.Header) bool {
	target, err := h.Bits.Target()
	if err != nil {
		return false
	}
	for h.Nonce = 0; h.Nonce < maxSolve; h.Nonce++ {
		if target.MetBy(h.Hash()) {
			return true
		}
	}
	return false
}

// announce announces a block that nobody has.
func (s *session) announce(message func(pow.Header) wire.Message) bool {
	h, ok := s.child()
	return !ok || s.send(message(h))
}

// floodHeaders sends a short branch of genesis, which has too little work to be kept
// once the chain is long.
func (s *session) floodHeaders() bool {
	prev := block.Genesis(s.a.Params).Header
	var headers []pow.Header
	for range wire.MaxUnsolicitedHeaders {
		h := prev
		h.Prev, h.Time = prev.Hash(), prev.Time+1
		binary.LittleEndian.PutUint64(h.MerkleRoot[:], s.r.Uint64())
		if !solve(&h) {
			return true
		}
		headers = append(headers, h)
		prev = h
	}
	return s.send(&wire.Headers{Headers: headers})
}

// wrongBodies answers with bodies that are not those of their headers.
func (s *session) wrongBodies(hashes []pow.Hash) {
	records := block.Genesis(s.a.Params).Records
	for _, hash := range hashes {
		if h, own := s.made(hash); own {
			s.send(&wire.Block{Raw: block.New(h, records).Encode()})
		}
	}
}

// falseCompact returns a compact block of records that do not exist.
func (s *session) falseCompact(h pow.Header) wire.Message {
	m := &wire.Compact{Header: h, Nonce: s.r.Uint64(), Prefilled: []wire.Prefilled{{Record: block.Genesis(s.a.Params).Records[0].Encode()}}}
	for range 50 {
		m.IDs = append(m.IDs, wire.ShortID(s.r.Uint64()>>16))
	}
	return m
}

// emptyHave announces records that nobody has.
func (s *session) emptyHave() bool {
	m := &wire.Have{Hashes: make([]pow.Hash, 100)}
	for i := range m.Hashes {
		binary.LittleEndian.PutUint64(m.Hashes[i][:], s.r.Uint64())
	}
	return s.send(m)
}

// badSignatures sends payments of accounts that exist, with signatures that are wrong.
func (s *session) badSignatures() bool {
	m := &wire.Records{}
	for range wire.MaxUnsolicitedRecords {
		r := record.Record{
			Network: s.a.Params.ID, Version: record.Pay{}.Type().Version(), Seq: s.r.Uint64N(20), ValidUntil: 1000, Fee: record.Coin / 1000,
			Key:        s.a.Params.Alloc[s.r.IntN(len(s.a.Params.Alloc))].Key,
			Payload:    record.Pay{To: s.a.Params.Alloc[0].Key, Amount: 1 + record.Amount(s.r.Uint64N(1000))},
			Signatures: make([]record.Signature, 1),
		}
		for i := range 32 { // an R that need not be a point, and a small S
			r.Signatures[0][i] = byte(s.r.Uint32())
		}
		m.Records = append(m.Records, record.New(r).Encode())
	}
	return s.send(m)
}

// manyAddresses sends addresses of nobody.
func (s *session) manyAddresses() bool { return s.send(s.addresses(wire.MaxUnsolicitedAddrs)) }

func (s *session) addresses(n int) *wire.Addrs {
	m := &wire.Addrs{}
	for range n {
		v := rand.Uint32()
		ip := netip.AddrFrom4([4]byte{byte(11 + v%100), byte(v >> 8), byte(v >> 16), byte(v >> 24)})
		m.Addrs = append(m.Addrs, wire.Addr{Addr: netip.AddrPortFrom(ip, 28699), Services: wire.ServesBlocks | wire.TakesRecords})
	}
	return m
}

// attackName names the i-th peer of a fault, for logs.
func attackName(f Fault, i int) string { return fmt.Sprintf("%s %d", f.Attack, i) }
