package p2p

import (
	"time"

	"stele/engine/pow"
	"stele/node/ledger/block"
	"stele/node/ledger/reject"
	"stele/node/p2p/headersync"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
)

// Patience with peers and with the tip, in block times, and at least so long.
const (
	behindBlocks = 20
	minBehind    = 2 * time.Minute
	staleBlocks  = 10
	minStale     = time.Minute
)

// maxKept is the number of outbound peers that stay although they are behind.
const maxKept = 4

// lag is how long a peer has been behind.
type lag struct {
	work  pow.Work  // that it must reach
	until time.Time // zero: it is not behind
	asked bool      // it was asked what it has, at the end of the first time
}

// blockTimes returns the time of n blocks, at least a minimum.
func (y *syncer) blockTimes(n int64, minimum time.Duration) time.Duration {
	return max(time.Duration(n*int64(y.s.o.Params.Pow.TargetSpacing))*time.Second, minimum)
}

// protect keeps one of the first outbound peers that have the node's work, so that
// honest peers on a slow line do not all go.
func (y *syncer) protect(sp *syncPeer) {
	if sp.kind != slots.Full || sp.claim.Cmp(y.s.o.Chain.Tip().Work) < 0 {
		return
	}
	kept := 0
	for _, other := range y.order {
		if other.keep {
			kept++
		}
	}
	sp.keep = kept < maxKept
}

// careForTip looks for outbound peers that are behind, and for a tip that is old.
func (y *syncer) careForTip(now time.Time) {
	isStale := now.Sub(y.lastTip) > y.blockTimes(staleBlocks, minStale)
	if isStale != y.isStale {
		y.isStale = isStale
		y.s.slots.SetExtra(isStale)
		if isStale {
			y.s.log.Warn("no new block for long: another peer is tried", "height", y.s.o.Chain.Tip().Height)
		}
	}
	if y.catchingUp {
		return
	}
	for _, sp := range y.copyOfPeers() {
		if sp.isOutbound() && sp.kind != slots.Manual && sp.kind != slots.Feeler && !sp.keep {
			y.checkBehind(now, sp)
		}
	}
}

// checkBehind gives an outbound peer that has less work than the tip the time to reach
// it. At the end of that it is asked, since a peer does not announce what this node has
// sent to it; and after as long again it goes.
func (y *syncer) checkBehind(now time.Time, sp *syncPeer) {
	tip := y.s.o.Chain.Tip()
	l := &sp.lag
	patience := y.blockTimes(behindBlocks, minBehind)
	switch {
	case sp.claim.Cmp(tip.Work) >= 0:
		*l = lag{}
	case l.until.IsZero() || sp.claim.Cmp(l.work) >= 0:
		*l = lag{work: tip.Work, until: now.Add(patience)}
	case now.Before(l.until):
	case !l.asked:
		l.asked, l.until = true, now.Add(patience)
		y.headers(sp, headersync.Start{})
	default:
		y.s.drop(sp.peer, slow(wire.ReasonBehind, "it has not reached the block of %v ago", 2*patience))
	}
}

// Limits of what is kept of the future.
const (
	maxFuture     = 16       // headers
	maxFutureBody = 64 << 10 // bytes of a block that is kept whole; others are asked for again
)

// future has headers and blocks whose time is too far ahead of the clock of this node.
type future struct {
	blocks map[pow.Hash]futureBlock
	warned time.Time // when the log had a warning last
}

type futureBlock struct {
	header pow.Header
	block  *block.Block // nil: only the header is known
	from   slots.ID
	due    time.Time
}

// keepForLater keeps a block of the future, or its header, until its time has come.
func (y *syncer) keepForLater(p *peer, h pow.Header, b *block.Block) {
	if y.future.blocks == nil {
		y.future.blocks = map[pow.Hash]futureBlock{}
	}
	if b != nil && b.Size() > maxFutureBody {
		b = nil
	}
	hash := h.Hash()
	if y.future.blocks[hash].block != nil {
		return
	}
	ahead := time.Duration(y.s.o.Params.MaxFuture) * time.Second
	f := futureBlock{header: h, block: b, due: time.Unix(int64(h.Time), 0).Add(-ahead)}
	if p != nil {
		f.from = p.id
	}
	y.future.blocks[hash] = f
	y.future.shrink()
	y.wake()
}

// shrink removes the block that would have to wait longest, if there are too many.
func (f *future) shrink() {
	if len(f.blocks) <= maxFuture {
		return
	}
	var last pow.Hash
	for hash, b := range f.blocks {
		if b.due.After(f.blocks[last].due) {
			last = hash
		}
	}
	delete(f.blocks, last)
}

// keepHeader keeps the first of these headers that is too far ahead, if that is all that
// is wrong with it. Else it returns what the peer did wrong.
func (y *syncer) keepHeader(p *peer, headers []pow.Header) *fault {
	limit := y.s.now().Unix() + int64(y.s.o.Params.MaxFuture)
	for _, h := range headers {
		if int64(h.Time) <= limit {
			continue
		}
		err := y.s.o.Chain.CheckHeader(h)
		switch reason, _ := reject.Of(err); {
		case reason == reject.TimeTooNew:
			y.keepForLater(p, h, nil)
			y.warnOfClock(h)
		case reason.Fault():
			return broke(wire.Reason(reason), "%s", textOf(err))
		}
		return nil
	}
	return nil
}

// clockEvery is how often the log has a warning about the clock at most.
const clockEvery = 10 * time.Minute

// warnOfClock logs that a header is too far ahead of the clock of this node.
func (y *syncer) warnOfClock(h pow.Header) {
	now := y.s.now()
	if !y.future.warned.IsZero() && now.Sub(y.future.warned) < clockEvery {
		return
	}
	y.future.warned = now
	y.s.log.Warn("block waits: it is ahead of the local clock: check the clock", "block", h.Hash(),
		"ahead", time.Unix(int64(h.Time), 0).Sub(now).Round(time.Second))
}

// retryFuture tries the blocks again whose time has come.
func (y *syncer) retryFuture(now time.Time) {
	for hash, f := range y.future.blocks {
		if now.Before(f.due) {
			continue
		}
		delete(y.future.blocks, hash)
		switch p := y.s.peers[f.from]; {
		case f.block != nil:
			y.submit(p, f.block, fromHere, nil)
		case p != nil:
			y.learned(p, []pow.Header{f.header})
		default: // others have it
			for _, sp := range y.copyOfPeers() {
				y.ask(sp.peer)
			}
		}
	}
}
