package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"stele/engine"
	"stele/engine/pow"
	"stele/node/template"
)

// mostHits is how many hits wait at most. Each one for the same tip after the
// first is worth nothing.
const mostHits = 16

// miner keeps the devices of an engine busy with the newest template, and gives
// the blocks that they find to the chain.
type miner struct {
	engine *engine.Engine
	finds  *finds
	found  found

	roller *template.Roller
	jobs   chan engine.Job
	hits   chan engine.Hit
	ended  chan struct{} // closed when run returns
}

func newMiner(e *engine.Engine, f *finds, now func() time.Time) *miner {
	return &miner{
		engine: e, finds: f,
		roller: template.NewRoller(now),
		jobs:   make(chan engine.Job),
		hits:   make(chan engine.Hit, mostHits),
		ended:  make(chan struct{}),
	}
}

// run mines until ctx ends, or until no device is left. It is called once.
func (m *miner) run(ctx context.Context) error {
	defer close(m.ended)
	ctx, cancel := context.WithCancel(ctx)
	var submitting sync.WaitGroup
	submitting.Go(func() { m.submit(ctx) })
	err := m.engine.Mine(ctx, m.jobs, m.roller.Next, m.hit)
	cancel()
	submitting.Wait()
	return err
}

// take gives the devices a template, or nothing to do if it is nil. It waits
// until they have it, unless run ends before.
func (m *miner) take(t *template.Template) {
	if t == nil {
		m.roller.Stop()
		return
	}
	select {
	case m.jobs <- m.roller.Start(t):
	case <-m.ended:
	}
}

// hit is called by the engine for each hit. Of a job that is easy there can be
// thousands.
func (m *miner) hit(hit engine.Hit) {
	if !m.finds.onTip(prev(hit)) {
		m.finds.late(prev(hit), &m.found)
		return
	}
	select {
	case m.hits <- hit:
	default: // there are others before it
	}
}

// prev returns the parent that a hit's header names.
func prev(hit engine.Hit) pow.Hash { return pow.Hash(hit.Job.Header[4:36]) }

// submit gives the blocks of the hits to the chain.
func (m *miner) submit(ctx context.Context) {
	for {
		var hit engine.Hit
		select {
		case hit = <-m.hits:
		case <-ctx.Done():
			return
		}
		b, err := m.roller.Block(hit)
		if err != nil { // of another tip
			m.finds.late(prev(hit), &m.found)
			continue
		}
		err = m.finds.submit(b, &m.found, hit.Device)
		if err == nil || errors.Is(err, errStale) || errors.Is(err, errBadClock) {
			continue
		}
		// What fails should not fail all the time.
		select {
		case <-time.After(retryAfter):
		case <-ctx.Done():
		}
	}
}
