package node

import (
	"context"
	"log/slog"
	"time"

	"stele/internal/wake"
	"stele/node/chain"
	"stele/node/pool"
	"stele/node/template"
)

const (
	// refreshEvery is the age at which a template is replaced by another one for
	// the same tip, with the records received since and a current timestamp.
	refreshEvery = time.Second
	// retryAfter is the pause after a template that could not be made, and after a
	// block that could not be submitted.
	retryAfter = 200 * time.Millisecond
)

// templater makes templates of the newest tip for everything that mines on it.
type templater struct {
	chain   *chain.Chain
	pool    *pool.Pool
	options template.Options
	log     *slog.Logger

	newTip     wake.Signal
	clockWrong bool   // as last logged
	failed     string // the error as last logged; "": the last template was made
}

func newTemplater(c *chain.Chain, p *pool.Pool, o template.Options, log *slog.Logger) *templater {
	return &templater{chain: c, pool: p, options: o, log: log, newTip: wake.New()}
}

// run makes a template for each new tip, replaces it when it is old, and gives it
// to take, until ctx ends. The first template for a tip has only some of the
// records, so that miners leave the old tip soon; the full one follows at once. A
// nil template means that nothing can be mined for now.
func (t *templater) run(ctx context.Context, take func(*template.Template)) {
	var last *chain.Tip // of the last template
	for ctx.Err() == nil {
		wait := refreshEvery
		tip := t.chain.Tip()
		options := t.options
		if tip != last {
			options.MaxRecords = template.FirstRecords
		}
		made, err := template.Build(tip, t.pool, t.chain.View(), options)
		clock := clockError(tip.MinTime, t.options.Now(), t.options.Params)
		t.logClock(clock)
		switch {
		case t.chain.Tip() != tip:
			continue // the state may have been that of another tip
		case clock != nil:
			take(nil) // the chain would reject every block until the clock is right
		case err != nil:
			t.logFailure(tip.Height+1, err)
			take(nil)
			wait = retryAfter
		default:
			t.failed = ""
			take(made)
			if tip != last && len(made.Records) == template.FirstRecords {
				wait = 0
			}
			last = tip
		}
		select {
		case <-t.newTip:
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// logFailure logs why no template was made for a block at a height. It logs an error
// that repeats only once.
func (t *templater) logFailure(height uint32, err error) {
	if t.failed != err.Error() {
		t.failed = err.Error()
		t.log.Error("template failed", "height", height, "err", err)
	}
}

// logClock logs when the clock becomes wrong, and when it is right again.
func (t *templater) logClock(err error) {
	switch wrong := err != nil; {
	case wrong == t.clockWrong:
		return
	case wrong:
		t.log.Error("mining paused", "err", err)
	default:
		t.log.Info("clock is right again, mining resumed")
	}
	t.clockWrong = !t.clockWrong
}
