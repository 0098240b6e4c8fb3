package p2p

import (
	"context"
	"errors"
	"time"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/reject"
	"stele/node/p2p/blocksync"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
)

// origin is how a whole block came to be known.
type origin uint8

const (
	fromAnswer origin = iota // a peer sent it as an answer: it has connected it
	fromPush                 // of a compact block that a peer pushed, maybe before it had connected it
	fromHere                 // a block that this node has tried before
)

// job is a block to be submitted to the chain.
type job struct {
	from  slots.ID
	block *block.Block
	how   origin
	// isDelivered: the machine of the bodies waits for it.
	isDelivered bool
	done        func(chain.Outcome, error) // on the loop; nil: nothing is called
	waiters     []*peer                    // that have asked for it meanwhile; belongs to the loop

	call func() // instead of a block
}

// connector has the blocks that wait to be submitted, in order. One goroutine submits
// them. Their number is bounded by the window of package blocksync and by the number
// of compact blocks that are rebuilt at one time. Safe for concurrent use.
type connector struct{ queue[*job] }

// run submits blocks until the server ends.
func (c *connector) run(y *syncer) {
	defer y.s.o.Chain.CatchUp(false) // what is not synced yet must not wait
	for {
		select {
		case <-y.s.ctx.Done():
			return
		case <-c.more:
		}
		for j, ok := c.take(); ok && y.s.ctx.Err() == nil; j, ok = c.take() {
			if j.call != nil {
				j.call()
				continue
			}
			outcome, err := c.submit(y, j.block)
			if y.s.ctx.Err() != nil && err != nil {
				return
			}
			y.s.do(func() { y.connected(j, outcome, err) })
		}
	}
}

// retryStore is how long the node waits before it tries a store again that has failed.
const retryStore = time.Second

// submit submits a block, again and again while the store fails: a full disk is
// nobody's fault, and the block is as good as before.
func (c *connector) submit(y *syncer, b *block.Block) (chain.Outcome, error) {
	for isFirst := true; ; isFirst = false {
		outcome, err := y.s.o.Chain.Submit(b)
		if !errors.Is(err, chain.ErrStopped) {
			return outcome, err
		}
		if isFirst {
			y.s.log.Warn("blocks wait: the store failed", "block", b.Hash(), "err", err)
		}
		if !pause(y.s.ctx, retryStore) {
			return 0, err
		}
	}
}

// pause waits, and reports whether the context goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// submit hands a block to the goroutine that submits blocks to the chain, in order. The
// peer, which may be nil, has to answer for the verdict, depending on how it gave the
// block. done is called on the loop, unless the server ends before.
func (y *syncer) submit(p *peer, b *block.Block, how origin, done func(chain.Outcome, error)) {
	j := &job{block: b, how: how, done: done}
	if p != nil {
		j.from = p.id
	}
	y.connect(j)
}

// connect queues a block.
func (y *syncer) connect(j *job) {
	y.connecting[j.block.Hash()] = j
	y.connector.put(j)
}

// connected handles what became of a block.
func (y *syncer) connected(j *job, outcome chain.Outcome, err error) {
	hash := j.block.Hash()
	if y.connecting[hash] == j {
		delete(y.connecting, hash)
	}
	p := y.s.peers[j.from]
	if err == nil {
		y.accepted(p, j.block, outcome)
	} else {
		y.rejected(j, p, err)
	}
	if j.done != nil {
		j.done(outcome, err)
	}
	for _, waiter := range j.waiters {
		if y.s.peers[waiter.id] == waiter {
			y.serveBlock(waiter, hash)
		}
	}
	y.wake()
}

// accepted handles a block that the chain has now.
func (y *syncer) accepted(p *peer, b *block.Block, outcome chain.Outcome) {
	now, hash := y.s.now(), b.Hash()
	if outcome != chain.Known {
		y.progress.blocks++
		y.connectedAfter(now, hash)
		if p != nil {
			y.s.gaveBlock(p)
		}
	}
	if p != nil {
		if sp := y.peers[p.id]; sp != nil {
			sp.useless = 0
			y.learnedOf(sp, hash)
		}
	}
	y.do(y.bodies.Handle(now, blocksync.Accepted{Hash: hash}))
	y.refresh()
}

// rejected handles a block that the chain does not take.
func (y *syncer) rejected(j *job, p *peer, err error) {
	hash := j.block.Hash()
	reason, isVerdict := reject.Of(err)
	if !isVerdict {
		y.s.log.Error("block not submitted", "block", hash, "err", err)
	}
	y.s.log.Debug("block rejected", "block", hash, "reason", reason, "err", err)
	switch {
	case !isVerdict:
	case reason == reject.TimeTooNew:
		y.keepForLater(p, j.block.Header, j.block)
	case isOfLaterRules(reason):
		y.unknown.note(y.s, j.from, hash, reason)
	case p != nil:
		if f := y.faultOfBlock(p, j.how, hash, reason, err); f != nil {
			y.s.drop(p, f)
		}
	}
	if j.isDelivered {
		if h, ok := y.s.o.Chain.Header(hash); ok && !h.Invalid && y.bodies.Status().First == hash {
			y.forgetBest("the chain cannot take the next block now", hash)
		}
		y.newBranch() // without what is invalid now
		return
	}
	y.refresh()
}

// faultOfBlock returns what the peer that gave a whole block did wrong, nil if nothing.
// A peer that answers with a block has connected it, so that each rule that it breaks is
// a fault. A compact block may be pushed before it is connected: then only what the
// block shows by itself is.
func (y *syncer) faultOfBlock(p *peer, how origin, hash pow.Hash, reason reject.Reason, err error) *fault {
	switch reason {
	case reject.LowWork, reject.UnknownParent:
		return y.useless(p, reason, err)
	case reject.BelowPruned:
		return nil
	case reject.InvalidBlock, reject.InvalidParent:
		if how != fromAnswer {
			return nil
		}
		return y.gaveInvalid(p, reason, err)
	}
	if how == fromAnswer || how == fromPush && reason.Fault() {
		return broke(wire.Reason(reason), "block %v: %s", hash, textOf(err))
	}
	return nil
}
