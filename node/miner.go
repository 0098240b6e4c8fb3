package node

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"stele/engine"
	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/pool"
	"stele/node/reject"
	"stele/node/template"
)

const (
	// refreshEvery is how old a template gets before there is another one for
	// the same tip, with the records that came since and the time of then.
	refreshEvery = time.Second
	// retryAfter is how long the miner waits when it could not go on.
	retryAfter = 200 * time.Millisecond
	// mostHits is how many hits wait at most. Each one for the same tip after
	// the first is worth nothing.
	mostHits = 16
)

// miner keeps the devices of an engine busy with the newest template, and gives
// the blocks that they find to the chain.
type miner struct {
	engine  *engine.Engine
	chain   *chain.Chain
	pool    *pool.Pool
	options template.Options
	log     *slog.Logger

	roller *template.Roller
	newTip chan struct{} // holds an element if the tip has changed
	hits   chan engine.Hit

	blocks, stale, refused atomic.Uint64

	mu    sync.Mutex
	spent map[pow.Hash]bool // parents for which this node has found a block lately

	clockWrong bool // when it was last told; of feed alone
}

// mostSpent bounds the memory of what this node has found.
const mostSpent = 1024

func newMiner(e *engine.Engine, c *chain.Chain, p *pool.Pool, o template.Options, log *slog.Logger) *miner {
	return &miner{
		engine: e, chain: c, pool: p, options: o, log: log,
		roller: template.NewRoller(o.Now),
		newTip: make(chan struct{}, 1),
		hits:   make(chan engine.Hit, mostHits),
		spent:  map[pow.Hash]bool{},
	}
}

// run mines until ctx ends, or until no device is left.
func (m *miner) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	jobs := make(chan engine.Job)
	var helpers sync.WaitGroup
	helpers.Go(func() { m.feed(ctx, jobs) })
	helpers.Go(func() { m.submit(ctx) })
	err := m.engine.Mine(ctx, jobs, m.roller.Next, m.found)
	cancel()
	helpers.Wait()
	return err
}

// wake tells that the tip has changed.
func (m *miner) wake() {
	select {
	case m.newTip <- struct{}{}:
	default:
	}
}

// feed makes a template for each new tip, and again when it is old, and gives
// it to the engine. The first for a tip has only a part of the records, so that
// the devices leave the old tip soon; the next one follows at once.
func (m *miner) feed(ctx context.Context, jobs chan<- engine.Job) {
	var last *chain.Tip // that a template was made for
	for {
		wait := refreshEvery
		tip := m.chain.Tip()
		options := m.options
		if tip != last {
			options.MaxRecords = template.FirstRecords
		}
		t, err := template.Build(tip, m.pool, m.chain.View(), options)
		clock := clockError(tip.MinTime, m.options.Now(), m.options.Params)
		m.tellClock(clock)
		switch {
		case m.chain.Tip() != tip:
			continue // the state may have been that of another tip
		case clock != nil:
			m.roller.Stop() // the chain would refuse every block until the clock is right
		case err != nil:
			m.log.Error("no template can be made", "height", tip.Height+1, "error", err)
			m.roller.Stop()
			wait = retryAfter
		default:
			select {
			case jobs <- m.roller.Start(t):
			case <-ctx.Done():
				return
			}
			if tip != last && len(t.Records) == template.FirstRecords {
				wait = 0
			}
			last = tip
		}
		select {
		case <-m.newTip:
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// tellClock logs when the clock becomes wrong, and when it is right again.
func (m *miner) tellClock(err error) {
	switch wrong := err != nil; {
	case wrong == m.clockWrong:
		return
	case wrong:
		m.log.Error("mining pauses", "error", err)
	default:
		m.log.Info("the clock is right again, mining goes on")
	}
	m.clockWrong = !m.clockWrong
}

// found is called by the engine for each hit. Of a job that is easy there can
// be thousands.
func (m *miner) found(hit engine.Hit) {
	if prev(hit) != m.chain.Tip().Hash {
		m.late(hit)
		return
	}
	select {
	case m.hits <- hit:
	default: // there are others before it
	}
}

// late counts a hit that came too late, because somebody else had a block
// before. Further hits for a parent that has a block of this node are worth
// nothing, and no loss.
func (m *miner) late(hit engine.Hit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.spent[prev(hit)] {
		m.stale.Add(1)
	}
}

// spend notes that this node has found a block on a parent. It comes before the
// block is submitted, since the other hits for the parent are late from then on.
func (m *miner) spend(parent pow.Hash) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.spent) >= mostSpent {
		clear(m.spent)
	}
	m.spent[parent] = true
}

// prev returns the parent that a hit's header names.
func prev(hit engine.Hit) pow.Hash { return pow.Hash(hit.Job.Header[4:36]) }

// submit gives the blocks of the hits to the chain. Only hits for the tip count:
// a block beside it could at best be a branch that nobody needs.
func (m *miner) submit(ctx context.Context) {
	for {
		var hit engine.Hit
		select {
		case hit = <-m.hits:
		case <-ctx.Done():
			return
		}
		if prev(hit) != m.chain.Tip().Hash {
			m.late(hit)
			continue
		}
		b, err := m.roller.Block(hit)
		if err != nil {
			m.late(hit)
			continue
		}
		if clockError(b.Header.Time, m.options.Now(), m.options.Params) != nil {
			continue // the clock has just been set back; feed tells it
		}
		m.spend(b.Header.Prev)
		outcome, err := m.chain.Submit(b)
		reason, refused := reject.Of(err)
		switch {
		case err == nil && outcome == chain.Extended:
			m.blocks.Add(1)
			m.log.Debug("block mined", "height", m.chain.Tip().Height, "hash", b.Hash(), "records", len(b.Records)-1, "device", hit.Device)
		case err == nil: // somebody else's block came in between
			m.stale.Add(1)
		case refused:
			m.refused.Add(1)
			m.log.Error("the chain refused a block of this node", "reason", reason, "error", err)
			m.wait(ctx)
		case errors.Is(err, chain.ErrStopped):
			m.wait(ctx) // the chain has logged it
		default:
			m.log.Error("a block could not be submitted", "error", err)
			m.wait(ctx)
		}
	}
}

// wait lets some time pass, so that what fails does not fail all the time.
func (m *miner) wait(ctx context.Context) {
	select {
	case <-time.After(retryAfter):
	case <-ctx.Done():
	}
}
