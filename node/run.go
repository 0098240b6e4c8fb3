package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"stele/engine"
	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/template"
)

// Run runs the node until ctx ends, and then returns nil. It returns earlier, with an
// error, if the API, the Stratum server or the peer-to-peer server failed, or if all
// devices of a kind are lost to the process (engine.ErrLost). When it returns, all that
// it started has ended. It is called once.
func (n *Node) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var parts sync.WaitGroup
	parts.Go(func() { n.measure(ctx) })
	var failed [4]error // of the API, the Stratum server, the miner and the peer-to-peer server
	fail := func(to *error, run func() error) {
		parts.Go(func() {
			if *to = run(); *to != nil {
				cancel()
			}
		})
	}
	if n.miner != nil {
		fail(&failed[2], func() error { return n.mine(ctx) })
	}
	if n.p2p != nil {
		fail(&failed[3], func() error { return n.runPeers(ctx) })
	}
	if n.miner != nil || n.stratum != nil {
		parts.Go(func() { n.templater.run(ctx, n.take) })
	}
	if n.traffic != nil {
		parts.Go(func() { n.makeTraffic(ctx) })
	}
	if n.views != nil {
		parts.Go(func() {
			changes := n.chain.Subscribe()
			defer changes.Close()
			n.views.Run(ctx, changes.C())
		})
	}
	if n.custody != nil {
		parts.Go(func() { n.custody.Run(ctx) })
	}
	if n.feed != nil {
		parts.Go(func() { _ = n.feed.Run(ctx) }) // its only end is that of ctx
	}
	if n.alerts != nil {
		parts.Go(func() {
			changes := n.chain.Subscribe()
			defer changes.Close()
			n.alerts.Run(ctx, changes.C())
		})
	}
	if n.api != nil {
		fail(&failed[0], func() error { return prefixed("the API ended", n.api.Serve(ctx, n.apiListener)) })
	}
	if n.stratum != nil {
		fail(&failed[1], func() error { return prefixed("the Stratum server ended", n.stratum.Serve(ctx, n.stratumListener)) })
	}
	parts.Wait()
	return errors.Join(failed[:]...)
}

// prefixed puts words before an error; nil stays nil.
func prefixed(words string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", words, err)
}

// take gives a template to everything that mines.
func (n *Node) take(t *template.Template) {
	if n.stratum != nil {
		n.stratum.Take(t)
	}
	if n.source != nil {
		n.source.take(t)
	}
}

// mine mines until ctx ends. Without a device that may recover, the node goes on
// and reports it as trouble; a device that only a new process can use again is an
// error.
func (n *Node) mine(ctx context.Context) error {
	err := n.miner.Run(ctx)
	n.source.close() // before the store is
	switch {
	case err == nil || ctx.Err() != nil:
		return nil
	case errors.Is(err, engine.ErrLost):
		return err
	}
	n.log.Error("mining ended", "err", err)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.trouble = fmt.Sprintf("mining has ended: %v", err)
	return nil
}

// retryTraffic is the pause before the generator of traffic tries again.
const retryTraffic = time.Second

// makeTraffic makes records until ctx ends. While the state cannot be read or the
// pool cannot be written, it tries again each second. It warns once of a failure
// that repeats.
func (n *Node) makeTraffic(ctx context.Context) {
	last := ""
	for {
		started := time.Now()
		err := n.traffic.Run(ctx)
		if ctx.Err() != nil {
			return
		}
		level := slog.LevelWarn
		if err.Error() == last && time.Since(started) < time.Minute {
			level = slog.LevelDebug
		}
		last = err.Error()
		n.log.Log(ctx, level, "traffic paused", "err", err)
		select {
		case <-time.After(retryTraffic):
		case <-ctx.Done():
		}
	}
}

// changed is called by the chain after each change, with its lock held. The pool
// follows in step, and templates follow the pool, so that they never choose among
// records that it has not judged yet. Everything else subscribes.
func (n *Node) changed(change chain.Change) {
	if n.pool == nil {
		return // Open has not finished: the pool will read the state when it opens
	}
	if n.metrics != nil {
		n.metrics.Changed(change)
	}
	if n.seen != nil {
		n.seen.Changed(change)
	}
	if err := n.pool.Follow(change); err != nil {
		n.log.Error("pool does not follow the chain", "err", err)
	}
	if !change.Partial { // nobody mines on a tip in the middle of a reorganisation
		n.templater.newTip.Wake()
	}
}

// flush is called by the chain after changed, and before it disconnects a block.
func (n *Node) flush() {
	if n.pool == nil {
		return
	}
	if err := n.pool.Flush(); err != nil {
		n.log.Error("pool journal not written, a crash could lose records", "err", err)
	}
}

// follow brings the counts of blocks up to the tip. The caller must hold n.mu.
func (n *Node) follow() {
	for {
		event, ok := n.changes.Poll()
		if !ok {
			return
		}
		change := chain.Change{Disconnected: n.readBlocks(event.Disconnected), Connected: n.readBlocks(event.Connected)}
		n.blocks.change(len(event.Disconnected), len(event.Connected), time.Now())
		n.tally.change(change)
		for _, b := range change.Connected {
			n.mined += uint64(len(b.Records) - 1)
		}
	}
}

// readBlocks returns the blocks that can be read: a count may lack the others.
func (n *Node) readBlocks(points []chain.Point) []*block.Block {
	var blocks []*block.Block
	for _, p := range points {
		b, err := n.chain.Block(p.Hash)
		if err != nil {
			n.log.Warn("block not counted in the status", "height", p.Height, "err", err)
			continue
		}
		blocks = append(blocks, b)
	}
	return blocks
}
