package p2p

import (
	"math"
	"math/big"
	"time"

	"stele/engine/pow"
	"stele/internal/bounded"
	"stele/internal/rate"
	"stele/node/chain"
	"stele/node/p2p/headersync"
	"stele/node/query"
)

// Times of the progress of a synchronisation.
const (
	rateWindow = 10 * time.Second // over which rates are means
	logEvery   = 10 * time.Second
)

// progress measures how fast the node catches up.
type progress struct {
	blocks int   // connected, ever
	bytes  int64 // of bodies that have arrived, ever
	rates  rate.Window[syncCounts]
	logged time.Time
	first  *bounded.Map[pow.Hash, time.Time] // when headers were heard of first
}

type syncCounts struct{ blocks, bytes float64 }

// Sub implements [rate.Counts].
func (c syncCounts) Sub(earlier syncCounts) syncCounts {
	return syncCounts{c.blocks - earlier.blocks, c.bytes - earlier.bytes}
}

func newProgress() progress {
	return progress{
		rates: rate.Window[syncCounts]{Every: time.Second, Keep: rateWindow},
		first: bounded.NewMap[pow.Hash, time.Time](256),
	}
}

// seen notes that a header was heard of, at the tip.
func (y *syncer) seen(hash pow.Hash) {
	if y.atTip() && !y.progress.first.Has(hash) {
		y.progress.first.Put(hash, y.s.now())
	}
}

// connectedAfter counts how long it took to connect a block.
func (y *syncer) connectedAfter(now time.Time, hash pow.Hash) {
	if at, ok := y.progress.first.Get(hash); ok {
		y.s.counts.connected(now.Sub(at))
	}
}

// measure takes a reading, decides whether the node is catching up, and logs.
func (y *syncer) measure(now time.Time) {
	p := &y.progress
	p.rates.Add(now, syncCounts{float64(p.blocks), float64(p.bytes)})
	tip, best := y.s.o.Chain.Tip(), y.s.o.Chain.BestHeader()
	limit := float64(manyBehind)
	if y.catchingUp {
		limit = nearlySynced
	}
	behind := blocksBehind(tip, best.Work)
	catchingUp := behind > limit || y.isClaimedBehind(now, tip, limit)
	if catchingUp != y.catchingUp {
		y.catchingUp = catchingUp
		y.connector.put(&job{call: func() { y.s.o.Chain.CatchUp(catchingUp) }})
		p.logged = now // a short synchronisation has only its end in the log
		if !catchingUp {
			y.s.log.Info("synced", "height", tip.Height)
		}
	}
	if catchingUp && now.Sub(p.logged) >= logEvery {
		p.logged = now
		y.s.log.Info("syncing", y.logLine()...)
	}
}

// logLine returns the keys and values of the progress that are known.
func (y *syncer) logLine() []any {
	s := y.status()
	line := []any{"state", s.State, "height", s.Height, "of", s.Target}
	if s.BlocksPerSecond > 0 {
		line = append(line, "blocks/s", math.Round(s.BlocksPerSecond*10)/10)
	}
	if s.Left > 0 {
		line = append(line, "left", s.Left.Round(time.Second))
	}
	return line
}

// isClaimedBehind reports whether an outbound peer that is new claims so much work. An
// older one has had the time to show it. Claims count only soon after the start: later
// the node has the headers of its peers, and a claim without headers could be false.
func (y *syncer) isClaimedBehind(now time.Time, tip *chain.Tip, limit float64) bool {
	if now.Sub(y.begun) >= claimsCount {
		return false
	}
	for _, sp := range y.order {
		if sp.isOutbound() && now.Sub(sp.since) < claimCounts && blocksBehind(tip, sp.claim) > limit {
			return true
		}
	}
	return false
}

// blocksBehind returns how many blocks with the work of the tip are missing to a work.
func blocksBehind(tip *chain.Tip, work pow.Work) float64 {
	if work.Cmp(tip.Work) <= 0 {
		return 0
	}
	target, err := tip.Header.Bits.Target()
	if err != nil {
		return 0 // not of a block in the chain
	}
	missing := new(big.Int).Sub(work.Big(), tip.Work.Big())
	n, _ := new(big.Rat).SetFrac(missing, target.Work().Big()).Float64()
	return n
}

// status returns how far the node is behind its peers.
func (y *syncer) status() query.Sync {
	now := y.s.now()
	tip, best := y.s.o.Chain.Tip(), y.s.o.Chain.BestHeader()
	bodies := y.bodies.Status()
	s := query.Sync{
		State: y.state(tip, best), Height: tip.Height, Tip: tip.Hash, Target: max(best.Height, tip.Height), Best: best.Hash,
		Open: bodies.Open, Waiting: bodies.Waiting, CatchingUp: y.catchingUp,
		Unavailable: bodies.Unavailable,
	}
	counted, elapsed := y.progress.rates.Over(now, rateWindow)
	s.BlocksPerSecond = rate.PerSecond(counted.blocks, elapsed)
	s.BytesPerSecond = rate.PerSecond(counted.bytes, elapsed)
	if s.BlocksPerSecond > 0 && s.Target > s.Height {
		left := float64(s.Target-s.Height) / s.BlocksPerSecond * float64(time.Second)
		s.Left = time.Duration(min(left, float64(math.MaxInt64/2)))
	}
	return s
}

func (y *syncer) state(tip *chain.Tip, best chain.Header) query.SyncState {
	if len(y.peers) == 0 {
		return query.SyncAlone
	}
	if best.Work.Cmp(tip.Work) > 0 {
		return query.SyncBlocks
	}
	for _, sp := range y.order {
		state := sp.headers.State()
		isBusy := state == headersync.Presync || state == headersync.Redownloading ||
			state == headersync.Ready && sp.claim.Cmp(y.s.o.Chain.Enough()) >= 0 // its turn comes
		if sp.claim.Cmp(tip.Work) > 0 && (isBusy || sp.isOutbound() && sp.headers.IsAsking()) { // who calls may claim anything
			return query.SyncHeaders
		}
	}
	return query.SyncDone
}
