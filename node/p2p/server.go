package p2p

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"stele/engine/pow"
	"stele/internal/netguard"
	"stele/internal/wake"
	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/p2p/book"
	"stele/node/p2p/link"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
	"stele/node/pool"
	"stele/node/query"
)

// Options are what a server needs of its node.
type Options struct {
	Params   *network.Params
	Chain    *chain.Chain
	Pool     *pool.Pool
	Verifier *record.Verifier // the one of the chain and the pool
	// Verify checks encoded headers as [pow.Verify] does with linked set. Nil: pow.Verify.
	Verify func(headers []byte, verdicts []pow.Verdict) error

	Dir       string         // for the key, the addresses and the anchors; made if it does not exist; "": nothing is kept
	Transport link.Transport // nil: TCP
	Listen    string         // address to listen at; "": none
	Peers     []string       // to stay connected to: [KEY@]HOST:PORT, with 16 to 64 hex digits of the key
	OnlyPeers bool           // connect to no others, and if keys of Peers are given, accept only those
	Seeds     []string       // to ask for addresses, HOST:PORT
	MaxPeers  int            // 0: 128
	// Private: addresses that the Internet does not route are usable too.
	Private bool
	Group   func(netip.Addr) book.Group // nil: book.GroupOf

	Custody Custody // of sealed data; nil: the node keeps none

	// Resolve returns the addresses of a host name. Nil: the resolver of the system.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)

	// Judged is called with records of peers, when the pool got them, and its verdicts. It
	// must not block. Nil: nobody needs to know.
	Judged func(came time.Time, records []*record.Record, verdicts []error)

	Agent string           // name and version of the program, at most 64 printable characters
	Now   func() time.Time // nil: time.Now
	Log   *slog.Logger     // nil: silent
}

// Server is a peer-to-peer server. Make one with [New], and call [Server.Run] once.
// Safe for concurrent use.
type Server struct {
	o        Options
	log      *slog.Logger
	key      *link.Key
	nonce    uint64 // of all hellos
	genesis  pow.Hash
	listener net.Listener // nil: none
	budget   *link.Budget // for answers that are received
	pushes   *link.Budget // for what is received without a request
	sending  *link.Budget // for what is to be sent

	box        mailbox
	work       sync.WaitGroup  // all goroutines but the loop
	ctx        context.Context // of the goroutines; set by Run
	running    atomic.Bool     // Run was called
	stopped    chan struct{}   // closed when the loop has ended
	catchingUp atomic.Bool
	seldom     *seldom
	counts     *counters

	// What follows belongs to the loop.
	peers map[slots.ID]*peer // that are ready
	parts []part
	by    [1 + maxKind]part // by the kinds of messages that they handle
	book  *book.Book
	slots *slots.Slots
	gone  []query.GonePeer // the newest first

	files   files
	anchors []netip.AddrPort // as they were saved

	dialer    *dialer
	manual    *manual
	addresses *addresses
	syncer    *syncer
	records   *recorder
	compact   *compactor
	finder    *finder
}

// New makes a server, and listens. Errors: those of listening, of the files in
// Options.Dir, and of an invalid address in the options. A damaged file of addresses
// is renamed, and only logged.
func New(o Options) (s *Server, err error) {
	o = o.withDefaults()
	if o.Agent != printable(o.Agent) || len(o.Agent) > wire.MaxAgent {
		return nil, fmt.Errorf("invalid agent %q: must be at most %d printable ASCII characters", o.Agent, wire.MaxAgent)
	}
	s = &Server{
		o: o, log: o.Log, nonce: rand.Uint64(), genesis: block.Genesis(o.Params).Hash(),
		budget: link.NewBudget(link.BudgetBytes), pushes: link.NewBudget(link.PushBudgetBytes), sending: link.NewBudget(link.SendBudgetBytes),
		box: newMailbox(), stopped: make(chan struct{}),
		counts: newCounters(), seldom: newSeldom(), peers: map[slots.ID]*peer{},
		files: files{pending: map[string]func() error{}, more: wake.New()},
	}
	if s.manual, err = newManual(s, o.Peers); err != nil {
		return nil, err
	}
	if err := s.openFiles(); err != nil {
		return nil, err
	}
	if o.Listen != "" {
		l, err := o.Transport.Listen(o.Listen)
		if err != nil {
			return nil, fmt.Errorf("cannot listen for peers: %w", err)
		}
		// Peers with a slot, handshakes, and connections that end, which have 2 s for it.
		s.listener = netguard.Limit(l, o.MaxPeers+2*maxPlaces, 0, nil)
	}
	s.addParts()
	return s, nil
}

// withDefaults returns the options with all that was left out.
func (o Options) withDefaults() Options {
	if o.Transport == nil {
		o.Transport = link.TCP{}
	}
	if o.MaxPeers == 0 {
		o.MaxPeers = slots.DefaultMaxPeers
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Resolve == nil {
		o.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if o.Verify == nil {
		o.Verify = func(headers []byte, verdicts []pow.Verdict) error {
			pow.Verify(headers, true, verdicts)
			return nil
		}
	}
	return o
}

// Run runs the server until ctx ends. When it returns, all that it started has ended,
// and the addresses are saved. Errors: those of saving.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.ctx = ctx
	for _, p := range s.parts {
		if p, ok := p.(interface{ run() }); ok {
			p.run()
		}
	}
	s.running.Store(true)
	s.work.Go(s.writeFiles)
	if s.listener != nil {
		s.log.Info("listening for peers", "addr", s.Addr(), "key", s.key.ID().Full())
		s.manual.warn()
		s.work.Go(s.listen)
	}
	s.loop(ctx)
	close(s.stopped)
	cancel()
	s.Close()
	s.box.close()
	s.work.Wait()
	s.saveBook()
	return s.files.flush()
}

// Close stops listening, for a server whose Run is never called.
func (s *Server) Close() {
	if s.listener != nil {
		_ = s.listener.Close() // nothing is lost
	}
}

// Addr returns the address that the server listens at; "": none.
func (s *Server) Addr() string {
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// CatchingUp reports whether the chain is too far behind the peers to mine on its tip.
func (s *Server) CatchingUp() bool { return s.catchingUp.Load() }

// do hands a call to the loop. It never blocks. Calls are made in order; at the end
// of the server they are discarded. Safe for concurrent use.
func (s *Server) do(f func()) { s.box.put(f) }

// now returns the time.
func (s *Server) now() time.Time { return s.o.Now() }

// loop makes all decisions until ctx ends.
func (s *Server) loop(ctx context.Context) {
	changes := s.o.Chain.Subscribe()
	defer changes.Close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.box.more:
			for _, f := range s.box.take() {
				f()
			}
		case <-changes.C():
			for event, ok := changes.Poll(); ok; event, ok = changes.Poll() {
				for _, p := range s.parts {
					p.changed(event)
				}
			}
		case <-timer.C:
		}
		timer.Reset(s.tick())
		s.catchingUp.Store(!s.syncer.atTip())
	}
}

// maxSleep is the longest time that the loop sleeps.
const maxSleep = time.Hour

// tick does what is due, and returns the time until the next of it.
func (s *Server) tick() time.Duration {
	now := s.now()
	sleep := maxSleep
	for _, p := range s.parts {
		if due := p.due(); !due.IsZero() && !due.After(now) {
			p.tick(now)
		}
		if due := p.due(); !due.IsZero() {
			sleep = min(sleep, max(due.Sub(now), time.Millisecond))
		}
	}
	return sleep
}
