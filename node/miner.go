package node

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"stele/engine"
	"stele/engine/pow"
	"stele/node/template"
)

// mostHits is how many hits wait at most. Each one for the same tip after the
// first is worth nothing.
const mostHits = 16

// retrySick is the time between two tests of a device that gave wrong answers.
const retrySick = time.Minute

// miner keeps the devices of an engine busy with the newest template, and gives
// the blocks that they find to the chain.
type miner struct {
	engine *engine.Engine
	finds  *finds
	found  found

	roller *template.Roller
	jobs   chan engine.Job // holds the newest until the engine has it
	hits   chan engine.Hit
	ended  chan struct{} // closed when run returns
}

func newMiner(e *engine.Engine, f *finds, now func() time.Time) *miner {
	return &miner{
		engine: e, finds: f,
		roller: template.NewRoller(now),
		jobs:   make(chan engine.Job, 1),
		hits:   make(chan engine.Hit, mostHits),
		ended:  make(chan struct{}),
	}
}

// run mines until ctx ends, or until no device is left that may work again. It
// is called once.
func (m *miner) run(ctx context.Context) error {
	defer close(m.ended)
	ctx, cancel := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	tasks.Go(func() { m.submit(ctx) })
	back := make(chan struct{}, 1)
	tasks.Go(func() { m.retry(ctx, back) })
	err := m.mine(ctx, back)
	cancel()
	tasks.Wait()
	return err
}

// mine keeps the engine mining. When only sick devices are left, it waits for
// one to come back.
func (m *miner) mine(ctx context.Context, back <-chan struct{}) error {
	for {
		err := m.engine.Mine(ctx, m.jobs, m.roller.Next, m.hit)
		if !errors.Is(err, engine.ErrNoDevice) {
			return err
		}
		states := m.engine.Status()
		in := func(s engine.State) bool {
			return slices.ContainsFunc(states, func(d engine.DeviceStatus) bool { return d.State == s })
		}
		switch {
		case in(engine.OK): // came back just now
		case !in(engine.Sick):
			return err
		default:
			select {
			case <-back:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if job, ok := m.roller.Next(engine.Job{}); ok {
			select {
			case m.jobs <- job:
			default: // there is a newer one
			}
		}
	}
}

// retry tests sick devices from time to time until ctx ends, and reports on back
// when one is used again. The engine tries dead ones by itself.
func (m *miner) retry(ctx context.Context, back chan<- struct{}) {
	ticker := time.NewTicker(retrySick)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		for _, d := range m.engine.Status() {
			if d.State != engine.Sick || m.engine.Retry(ctx, d.Info.ID) != nil {
				continue // a device that fails its test stays out
			}
			select {
			case back <- struct{}{}:
			default:
			}
		}
	}
}

// take gives the devices a template in place of the one before, or nothing to do
// if it is nil. It is called by one goroutine.
func (m *miner) take(t *template.Template) {
	if t == nil {
		m.roller.Stop()
		return
	}
	job := m.roller.Start(t)
	select {
	case <-m.jobs: // which no device has begun
	default:
	}
	select {
	case m.jobs <- job:
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
