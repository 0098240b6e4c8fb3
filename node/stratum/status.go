package stratum

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"stele/engine/pow"
	"stele/engine/stratum"
	"stele/internal/rate"
)

// Status tells how a server does. Counts are since it was made.
type Status struct {
	Connections int
	Workers     int     // names of workers that are connected
	HashRate    float64 // hashes per second, as the shares of the last five minutes tell it
	Shares      Shares
	Banned      int // addresses
}

// Shares counts shares.
type Shares struct {
	Accepted      uint64
	Stale         uint64 // for a tip that is no longer the tip, or for an unknown job
	Duplicate     uint64
	LowDifficulty uint64
	Unauthorized  uint64
	Invalid       uint64 // all others
}

// Worker is a connected miner.
type Worker struct {
	Name       string // the user name
	Peer       string // its address
	Agent      string // what the miner calls itself
	Since      time.Time
	LastShare  time.Time // that was accepted; zero: none yet
	Difficulty float64   // of its shares
	HashRate   float64   // as in Status
	Shares     Shares
}

// Status tells how the server does.
func (s *Server) Status() Status {
	names := map[string]bool{}
	conns := s.all()
	for _, c := range conns {
		c.mu.Lock()
		for name := range c.workers {
			names[name] = true
		}
		c.mu.Unlock()
	}
	now := s.o.Now()
	s.mu.Lock()
	perSecond := s.work.perSecond(now)
	s.mu.Unlock()
	return Status{
		Connections: len(conns), Workers: len(names), HashRate: hashes(perSecond),
		Shares: s.counts.shares(), Banned: s.bans.count(),
	}
}

// Workers returns the connected miners, by name and address. A proxy with several
// workers counts as the first of them.
func (s *Server) Workers() []Worker {
	var all []Worker
	now := s.o.Now()
	for _, c := range s.all() {
		c.mu.Lock()
		if c.ready() {
			all = append(all, Worker{
				Name: c.name, Peer: c.net.RemoteAddr().String(), Agent: c.agent, Since: c.since, LastShare: c.lastGood,
				Difficulty: c.told, HashRate: hashes(c.work.perSecond(now)), Shares: c.counts.shares(),
			})
		}
		c.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b Worker) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Peer, b.Peer))
	})
	return all
}

// hashes returns how many hashes a difficulty stands for.
func hashes(difficulty float64) float64 { return difficulty * pow.HashesPerDifficulty }

// counts count shares while they come.
type counts struct {
	accepted, stale, duplicate, low, unauthorized, invalid atomic.Uint64
}

// add counts a share, which is good if there is no error.
func (c *counts) add(refused *stratum.Error) {
	if refused == nil {
		c.accepted.Add(1)
		return
	}
	switch refused.Code {
	case stratum.CodeStale:
		c.stale.Add(1)
	case stratum.CodeDuplicate:
		c.duplicate.Add(1)
	case stratum.CodeLowDifficulty:
		c.low.Add(1)
	case stratum.CodeUnauthorized, stratum.CodeNotSubscribed:
		c.unauthorized.Add(1)
	default:
		c.invalid.Add(1)
	}
}

func (c *counts) shares() Shares {
	return Shares{
		Accepted: c.accepted.Load(), Stale: c.stale.Load(), Duplicate: c.duplicate.Load(),
		LowDifficulty: c.low.Load(), Unauthorized: c.unauthorized.Load(), Invalid: c.invalid.Load(),
	}
}

const (
	// rateWindow is the time that a hash rate is the mean of.
	rateWindow = 5 * time.Minute
	rateEvery  = 30 * time.Second
)

// workRate is how fast work is done, by the shares of the last [rateWindow]. It
// needs a reading each few seconds, also when there are no shares. Not safe for
// concurrent use.
type workRate struct {
	total    rate.Count // as difficulty
	readings rate.Window[rate.Count]
}

func newWorkRate(now time.Time) workRate {
	r := workRate{readings: rate.Window[rate.Count]{Every: rateEvery, Keep: rateWindow}}
	r.read(now)
	return r
}

// add adds work, as difficulty.
func (r *workRate) add(difficulty float64, now time.Time) {
	r.total += rate.Count(difficulty)
	r.read(now)
}

func (r *workRate) read(now time.Time) { r.readings.Add(now, r.total) }

// perSecond returns the difficulty that is worked off in a second.
func (r *workRate) perSecond(now time.Time) float64 {
	r.read(now)
	work, elapsed := r.readings.Over(now, rateWindow)
	return rate.PerSecond(work, max(elapsed, time.Second))
}
