package stratum

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"stele/engine/pow"
	"stele/engine/stratum"
	"stele/internal/rate"
	"stele/node/query"
)

// Status is the status of a server. Counts are since it was made.
type Status struct {
	Connections int
	Workers     int     // names of connected workers
	HashRate    float64 // hashes per second, estimated from the shares of the last five minutes
	Shares      query.Shares
	Banned      int // addresses
}

// Worker is a connected miner.
type Worker struct {
	query.Miner
	Peer string // its address
}

// Status returns the status of the server. Safe for concurrent use.
func (s *Server) Status() Status {
	names := map[string]bool{}
	conns := s.connections()
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

// Workers returns the connected miners, sorted by name and address. A proxy with
// several workers counts as the first of them. Safe for concurrent use.
func (s *Server) Workers() []Worker {
	var all []Worker
	now := s.o.Now()
	for _, c := range s.connections() {
		c.mu.Lock()
		if c.isReady() {
			all = append(all, Worker{Peer: c.net.RemoteAddr().String(), Miner: query.Miner{
				Name: c.name, Agent: c.agent, Since: c.since, LastShare: c.lastGood,
				Difficulty: c.currentDifficulty, HashRate: hashes(c.work.perSecond(now)), Shares: c.counts.shares(),
			}})
		}
		c.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b Worker) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Peer, b.Peer))
	})
	return all
}

// hashes returns the expected number of hashes for a difficulty.
func hashes(difficulty float64) float64 { return difficulty * pow.HashesPerDifficulty }

// counts count shares. Safe for concurrent use.
type counts struct {
	accepted, stale, duplicate, low, unauthorized, invalid atomic.Uint64
}

// add counts a share; a nil rejection accepts it.
func (c *counts) add(rejection *stratum.Error) {
	if rejection == nil {
		c.accepted.Add(1)
		return
	}
	switch rejection.Code {
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

func (c *counts) shares() query.Shares {
	return query.Shares{
		Accepted: c.accepted.Load(), Stale: c.stale.Load(), Duplicate: c.duplicate.Load(),
		LowDifficulty: c.low.Load(), Unauthorized: c.unauthorized.Load(), Invalid: c.invalid.Load(),
	}
}

const (
	// rateWindow is the window of a hash rate.
	rateWindow = 5 * time.Minute
	rateEvery  = 30 * time.Second
)

// workRate measures how fast work is done, by the shares of the last [rateWindow]. It
// needs a reading every few seconds, even without shares. Not safe for concurrent use.
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

// perSecond returns the work in a second, as difficulty.
func (r *workRate) perSecond(now time.Time) float64 {
	r.read(now)
	work, elapsed := r.readings.Over(now, rateWindow)
	return rate.PerSecond(work, max(elapsed, time.Second))
}
