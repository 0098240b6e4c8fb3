package p2p

import (
	"time"

	"stele/engine/pow"
	"stele/internal/bounded"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
)

// Patience with a branch whose next body nobody gives.
const (
	// maxStarved is how long the node waits for that body before it forgets the branch.
	maxStarved = 5 * time.Minute
	// maxStarvedAgain is how long it waits if that has happened before.
	maxStarvedAgain = 30 * time.Second
	// minShun and maxShun are how long the branch is not taken again. Each time the
	// pause doubles: the cause may be this node's own line, so that it must not end.
	minShun = time.Minute
	// replaceEvery is after what time one of them makes room for another peer.
	replaceEvery = 30 * time.Second
	// oldTip is the age of the tip of a node that was not part of the network lately.
	oldTip  = 24 * time.Hour
	maxShun = 16 * time.Minute
)

// maxWithheld is the number of blocks of which the node remembers that nobody gave them.
const maxWithheld = 256

// starved is since when the next body of the best branch is missing.
type starved struct {
	block pow.Hash
	since time.Time
}

// withheld has the blocks whose bodies nobody gave. Whoever mines a block can publish its
// header alone; without this memory that header would be the best one again and again.
type withheld struct {
	blocks *bounded.Map[pow.Hash, shunned]
	until  time.Time // the end of all pauses; zero: there is none
}

// shunned is the time in which no branch with a certain block is taken.
type shunned struct {
	length time.Duration
	until  time.Time
}

func newWithheld() withheld {
	return withheld{blocks: bounded.NewMap[pow.Hash, shunned](maxWithheld)}
}

// note begins a pause for a block.
func (w *withheld) note(now time.Time, block pow.Hash) {
	p, _ := w.blocks.Get(block)
	p.length = min(max(minShun, 2*p.length), maxShun)
	p.until = now.Add(p.length)
	w.blocks.Put(block, p)
	if p.until.After(w.until) {
		w.until = p.until
	}
}

// has reports whether one of these headers has a pause.
func (w *withheld) has(now time.Time, headers []pow.Header) bool {
	if !now.Before(w.until) {
		return false
	}
	for _, h := range headers {
		if p, ok := w.blocks.Get(h.Hash()); ok && now.Before(p.until) {
			return true
		}
	}
	return false
}

// forget forgets the best branch if nobody gives its next body: the peers that have it
// are gone, or withhold it. So that branch does not stand in the way of the next best
// one. It asks all peers when the last pause ends.
func (y *syncer) forget(now time.Time) {
	s, w := y.bodies.Status(), &y.withheld
	if !w.until.IsZero() && !now.Before(w.until) {
		w.until = time.Time{}
		for _, sp := range y.copyOfPeers() {
			y.ask(sp.peer)
		}
	}
	if s.Unavailable && y.isOld(now) {
		y.replacePruned(now)
	}
	patience := maxStarved
	if w.blocks.Has(s.First) {
		patience = maxStarvedAgain
	}
	switch {
	case !s.Blocked, s.First != y.starved.block, s.Unavailable && y.isOld(now):
		y.starved = starved{s.First, now}
	case now.Sub(y.starved.since) >= patience:
		y.forgetBest("nobody gives the next block", s.First)
	}
}

// isOld reports whether the node is far behind, and was not part of the network lately.
// If all its peers prune then, nobody withholds a block, and the node must not go on
// alone. One that is part of it must go on: else a few headers without blocks would stop
// the network.
func (y *syncer) isOld(now time.Time) bool {
	return y.catchingUp && now.Sub(time.Unix(int64(y.s.o.Chain.Tip().Header.Time), 0)) > oldTip
}

// replacePruned ends the connection to an outbound peer that prunes, once in a while, so
// that the node calls another one, which may have all blocks.
func (y *syncer) replacePruned(now time.Time) {
	if now.Sub(y.replaced) < replaceEvery {
		return
	}
	for _, sp := range y.order {
		if sp.kind == slots.Full && !sp.hello.Services.Has(wire.ServesBlocks) && now.Sub(sp.since) >= replaceEvery {
			y.replaced = now
			y.s.drop(sp.peer, slow(wire.ReasonPruned, "it does not have the blocks that this node needs"))
			return
		}
	}
}

// forgetBest forgets the best branch because of a block. What other peers claim to have
// is asked for then.
func (y *syncer) forgetBest(why string, block pow.Hash) {
	best := y.s.o.Chain.BestHeader()
	y.s.log.Warn("headers forgotten", "reason", why, "height", y.s.o.Chain.Tip().Height, "of", best.Height, "block", block)
	y.withheld.note(y.s.now(), block)
	y.s.o.Chain.Forget(best.Hash)
	y.starved = starved{}
	for _, sp := range y.order {
		if sp.claim.Cmp(best.Work) >= 0 { // what it has sent is gone
			sp.headers.Reset()
			y.lower(sp)
		}
	}
	y.refresh()
}
