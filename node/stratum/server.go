package stratum

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"stele/internal/netguard"
	"stele/internal/rate"
	"stele/internal/wake"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/template"
)

// What Options have where they are zero.
const (
	DefaultDifficulty     = 1
	DefaultMaxConnections = 10_000
	DefaultMaxPerAddress  = 1024
)

const (
	// refreshEvery is how old the work of a tip gets before there is newer.
	refreshEvery = 30 * time.Second
	// tickEvery is how often the server looks at sessions by itself.
	tickEvery = 5 * time.Second
)

// Options say what a server does.
type Options struct {
	Params *network.Params

	// Submit gives a solved block to the chain. Worker is who found it, and is told
	// whether it counts: an error that is ErrStale says that another block was
	// faster. Several goroutines may call it at once.
	Submit func(b *block.Block, worker string) error

	Payout     record.Key // of users who call themselves "node"; the zero key: there are none
	Difficulty float64    // of the first shares of a miner that asks for none; 0: DefaultDifficulty

	TLS *tls.Config // nil: connections are not encrypted

	MaxConnections int // in all; one without a good share makes room for another, or that is closed
	MaxPerAddress  int // of one address that is not this machine's; others are closed

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: silent
}

// ErrStale is the kind of the error of a block that came too late.
var ErrStale = errors.New("the block is stale")

// Server gives work to miners and checks their shares. Its methods may be called
// by several goroutines at once.
type Server struct {
	o      Options
	log    *slog.Logger
	counts counts
	bans   *bans
	rates  *netguard.Rates // of lines
	fresh  wake.Signal     // set when there is new work

	mu       sync.Mutex // is taken after that of a conn
	works    works
	sessions sessions
	conns    map[*conn]struct{}
	crowd    crowd // of conns
	leaving  int   // of conns, that had to make room
	work     workRate
}

// New returns a server without work.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Difficulty == 0 {
		o.Difficulty = DefaultDifficulty
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = DefaultMaxConnections
	}
	if o.MaxPerAddress == 0 {
		o.MaxPerAddress = DefaultMaxPerAddress
	}
	return &Server{
		o: o, log: rate.Logger(o.Log), bans: newBans(o.Now),
		rates:    netguard.NewRates(addressLinesPerSecond, addressLinesAtOnce),
		fresh:    wake.New(),
		sessions: newSessions(),
		conns:    map[*conn]struct{}{},
		crowd:    newCrowd(),
		work:     newWorkRate(o.Now()),
	}
}

// Take gives the server a template to mine, nil for none. It does not wait. Work
// for a new tip goes to the miners at once, and once more when it is complete;
// then every half minute. So Take may be called as often as there is a template.
func (s *Server) Take(t *template.Template) {
	s.mu.Lock()
	taken := s.works.take(t, s.o.Now())
	s.mu.Unlock()
	if taken {
		s.fresh.Wake()
	}
}

// Serve talks to the miners that connect to l, until ctx ends; then it returns
// nil, and all connections are closed. Otherwise the error says why l is of no
// use any more. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	l = netguard.Limit(l, s.o.MaxConnections+1, s.o.MaxPerAddress, nil) // and one that needs room
	if s.o.TLS != nil {
		l = tls.NewListener(l, s.o.TLS)
	}
	group.Go(func() {
		<-ctx.Done()
		_ = l.Close()
	})
	group.Go(func() { s.broadcast(ctx) })
	for {
		netConn, err := netguard.Accept(ctx, l, func(err error) {
			s.log.Warn("a Stratum connection cannot be taken", "error", err)
		})
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		addr, known := netguard.Address(netConn.RemoteAddr().String())
		if known && s.bans.banned(addr) {
			_ = netConn.Close()
			continue
		}
		c := newConn(ctx, s, netConn, addr)
		if !s.enter(c) {
			s.log.Warn("no room for a Stratum miner: all connections have had a good share", "peer", netConn.RemoteAddr().String())
			_ = netConn.Close()
			continue
		}
		group.Go(func() {
			c.serve()
			s.leave(c)
		})
	}
}

// enter takes a connection in. If there are as many as there may be, one that has
// had no good share has to make room for it; enter returns false if there is none.
func (s *Server) enter(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns)-s.leaving >= s.o.MaxConnections {
		out := s.crowd.first()
		if out == nil {
			return false
		}
		s.crowd.leave(out)
		s.leaving++
		out.crowdedOut = true
		out.stop(errCrowdedOut)
	}
	s.conns[c] = struct{}{}
	s.crowd.enter(c)
	return true
}

// leave forgets a connection that has ended.
func (s *Server) leave(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.crowd.leave(c)
	if c.crowdedOut {
		s.leaving--
	}
}

// broadcast gives new work to all miners, and looks after them, until ctx ends.
func (s *Server) broadcast(ctx context.Context) {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.fresh:
			for _, c := range s.all() {
				c.offer()
				c.nudge()
			}
		case <-ticker.C:
			s.mu.Lock()
			s.work.read(s.o.Now())
			s.mu.Unlock()
			for _, c := range s.all() {
				c.tick()
				c.nudge()
			}
		case <-ctx.Done():
			return
		}
	}
}

// all returns the connections that there are.
func (s *Server) all() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.conns))
}

// newestWork returns the newest work, nil if there is none.
func (s *Server) newestWork() *work {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.works.newest
}

// workOf returns the work with a number if it is for the tip, else nil.
func (s *Server) workOf(seq uint64) *work {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.works.bySeq[seq]
}
