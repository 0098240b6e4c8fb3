package p2p

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/p2p/book"
	"stele/node/p2p/link"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
	"stele/node/pool"
)

// Options are what a server needs of its node.
type Options struct {
	Params   *network.Params
	Chain    *chain.Chain
	Pool     *pool.Pool
	Verifier *record.Verifier // the one of the chain and the pool
	// Verify checks encoded headers as [pow.Verify] does with linked set. Nil: pow.Verify.
	Verify func(headers []byte, verdicts []pow.Verdict) error

	Dir       string         // for the key, the addresses and the anchors; made if it does not exist
	Transport link.Transport // nil: TCP
	Listen    string         // address to listen at; "": none
	Peers     []string       // to stay connected to: [KEY@]HOST:PORT
	OnlyPeers bool           // connect to no others, and accept no others where their keys are known
	Seeds     []string       // to ask for addresses, HOST:PORT
	MaxPeers  int            // 0: 128
	// Private: addresses that the Internet does not route are usable too.
	Private bool
	Group   func(netip.Addr) book.Group // nil: book.GroupOf

	Custody Custody // nil: the node keeps no sealed data

	Agent string           // name and version of the program
	Now   func() time.Time // nil: time.Now
	Log   *slog.Logger     // nil: silent
}

// Server is a peer-to-peer server. Safe for concurrent use.
type Server struct {
	o   Options
	log *slog.Logger

	box  mailbox
	work sync.WaitGroup  // all goroutines but the loop
	ctx  context.Context // of the goroutines; set by Run

	// What follows belongs to the loop.
	peers  map[slots.ID]*peer // that are ready
	parts  []part
	finder *finder
	by     [1 + maxKind]part // by the kinds of messages that they handle
}

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

// receive hands a message to the loop and waits until it is handled. It is called by
// the reader of the peer.
func (s *Server) receive(ctx context.Context, p *peer, m wire.Message) error {
	type answer struct {
		wait <-chan struct{}
		err  error
	}
	answers := make(chan answer, 1)
	s.do(func() {
		var a answer
		if h := s.by[m.Kind()]; s.peers[p.id] == p && h != nil {
			a.wait, a.err = h.handle(p, m)
		}
		answers <- a
	})
	var a answer
	select {
	case a = <-answers:
	case <-ctx.Done():
		return ctx.Err()
	}
	if a.err != nil || a.wait == nil {
		return a.err
	}
	select {
	case <-a.wait:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drop ends the connection to a peer. The parts learn it by gone, after this call.
func (s *Server) drop(p *peer, f *fault) {
	panic("not written")
}
