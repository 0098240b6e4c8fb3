package node

import (
	"context"
	"log/slog"
	"time"

	"stele/node/chain"
	"stele/node/pool"
	"stele/node/template"
)

const (
	// refreshEvery is how old a template gets before there is another one for
	// the same tip, with the records that came since and the time of then.
	refreshEvery = time.Second
	// retryAfter is how long those who make blocks wait when they could not go on.
	retryAfter = 200 * time.Millisecond
)

// feed makes templates of the newest tip for all who mine on it.
type feed struct {
	chain   *chain.Chain
	pool    *pool.Pool
	options template.Options
	log     *slog.Logger

	newTip     chan struct{} // holds an element if the tip has changed
	clockWrong bool          // when it was last told
}

func newFeed(c *chain.Chain, p *pool.Pool, o template.Options, log *slog.Logger) *feed {
	return &feed{chain: c, pool: p, options: o, log: log, newTip: make(chan struct{}, 1)}
}

// wake tells that the tip has changed.
func (f *feed) wake() {
	select {
	case f.newTip <- struct{}{}:
	default:
	}
}

// run makes a template for each new tip, and again when it is old, and gives it
// to take, until ctx ends. The first for a tip has only a part of the records, so
// that miners leave the old tip soon; the next one follows at once. A nil
// template means that nothing can be mined for now.
func (f *feed) run(ctx context.Context, take func(*template.Template)) {
	var last *chain.Tip // that a template was made for
	for ctx.Err() == nil {
		wait := refreshEvery
		tip := f.chain.Tip()
		options := f.options
		if tip != last {
			options.MaxRecords = template.FirstRecords
		}
		t, err := template.Build(tip, f.pool, f.chain.View(), options)
		clock := clockError(tip.MinTime, f.options.Now(), f.options.Params)
		f.tellClock(clock)
		switch {
		case f.chain.Tip() != tip:
			continue // the state may have been that of another tip
		case clock != nil:
			take(nil) // the chain would refuse every block until the clock is right
		case err != nil:
			f.log.Error("no template can be made", "height", tip.Height+1, "error", err)
			take(nil)
			wait = retryAfter
		default:
			take(t)
			if tip != last && len(t.Records) == template.FirstRecords {
				wait = 0
			}
			last = tip
		}
		select {
		case <-f.newTip:
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// tellClock logs when the clock becomes wrong, and when it is right again.
func (f *feed) tellClock(err error) {
	switch wrong := err != nil; {
	case wrong == f.clockWrong:
		return
	case wrong:
		f.log.Error("mining pauses", "error", err)
	default:
		f.log.Info("the clock is right again, mining goes on")
	}
	f.clockWrong = !f.clockWrong
}
