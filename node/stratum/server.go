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

// Defaults of [Options].
const (
	DefaultDifficulty     = 1
	DefaultMaxConnections = 10_000
	DefaultMaxPerAddress  = 1024
)

const (
	// refreshEvery is the time between two works of the same tip.
	refreshEvery = 30 * time.Second
	// tickEvery is the time between two checks of all connections.
	tickEvery = 5 * time.Second
)

// Options configure a server.
type Options struct {
	Params *network.Params

	// Submit submits a block that a worker has found to the chain, and returns once
	// the chain has decided. An error of the kind ErrStale says that another block was
	// faster. It must be safe for concurrent use.
	Submit func(b *block.Block, worker string) error

	Payout     record.Key // of the user name "node"; the zero key: that name is rejected
	Difficulty float64    // of the first shares of a miner that suggests none; 0: DefaultDifficulty

	TLS *tls.Config // nil: connections are not encrypted

	// MaxConnections bounds the connections. When there are as many, a new one evicts
	// one that has had no good share, or is closed if there is none.
	MaxConnections int
	MaxPerAddress  int // bounds those of one address other than loopback; further ones are closed

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: silent
}

// ErrStale is the kind of the error of a block that arrived too late.
var ErrStale = errors.New("the block is stale")

// Server sends work to miners and checks their shares; make one with [New]. Safe for
// concurrent use.
type Server struct {
	o      Options
	log    *slog.Logger
	counts counts
	bans   *bans
	rates  *netguard.Rates // of lines
	fresh  wake.Signal     // set when there is new work

	mu       sync.Mutex // locked after that of a conn
	works    workSet
	sessions sessions
	conns    map[*conn]struct{}
	crowd    crowd
	evicting int // of conns, that are being evicted
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

// Take sets the template to mine, nil for none. It does not block. The miners get
// work for a new tip at once, once more when it is complete, and then every half
// minute. So Take may be called as often as there is a template.
func (s *Server) Take(t *template.Template) {
	s.mu.Lock()
	taken := s.works.take(t, s.o.Now())
	s.mu.Unlock()
	if taken {
		s.fresh.Wake()
	}
}

// Serve serves the miners that connect to l until ctx ends, and then returns nil. It
// returns an error if l fails before. It closes l and all connections.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	l = netguard.Limit(l, s.o.MaxConnections+1, s.o.MaxPerAddress, nil) // and one that needs a place
	if s.o.TLS != nil {
		l = tls.NewListener(l, s.o.TLS)
	}
	wg.Go(func() {
		<-ctx.Done()
		_ = l.Close()
	})
	wg.Go(func() { s.broadcast(ctx) })
	for {
		netConn, err := netguard.Accept(ctx, l, func(err error) {
			s.log.Warn("stratum accept failed", "err", err)
		})
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		addr, known := netguard.Address(netConn.RemoteAddr().String())
		if known && s.bans.isBanned(addr) {
			_ = netConn.Close()
			continue
		}
		c := newConn(ctx, s, netConn, addr)
		if !s.admit(c) {
			s.log.Warn("miner rejected, all connections in use", "peer", netConn.RemoteAddr().String())
			_ = netConn.Close()
			continue
		}
		wg.Go(func() {
			c.serve()
			s.remove(c)
		})
	}
}

// admit adds a connection. If there are MaxConnections already, it evicts one that has
// had no good share; it returns false if there is none.
func (s *Server) admit(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns)-s.evicting >= s.o.MaxConnections {
		out := s.crowd.victim()
		if out == nil {
			return false
		}
		s.crowd.remove(out)
		s.evicting++
		out.evicted = true
		out.stop(errEvicted)
	}
	s.conns[c] = struct{}{}
	s.crowd.add(c)
	return true
}

// remove removes a connection that has ended.
func (s *Server) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.crowd.remove(c)
	if c.evicted {
		s.evicting--
	}
}

// broadcast sends new work to all miners, and checks them regularly, until ctx ends.
func (s *Server) broadcast(ctx context.Context) {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.fresh:
			for _, c := range s.connections() {
				c.sendNewestWork()
				c.wakeWriter()
			}
		case <-ticker.C:
			s.mu.Lock()
			s.work.read(s.o.Now())
			s.mu.Unlock()
			for _, c := range s.connections() {
				c.tick()
				c.wakeWriter()
			}
		case <-ctx.Done():
			return
		}
	}
}

// connections returns all connections.
func (s *Server) connections() []*conn {
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

// workOf returns the work with a number if it is for the tip, nil otherwise.
func (s *Server) workOf(seq uint64) *work {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.works.bySeq[seq]
}
