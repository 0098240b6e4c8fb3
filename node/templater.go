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

	// waiting returns why nothing should be mined for now, "" if something should. Nil:
	// nothing prevents it. It is called often.
	waiting func() string

	newTip wake.Signal
	paused string // why there is no template, as last logged; "": there is one, or failed
	failed string // the error as last logged; "": the last template was made
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
		tip := t.chain.Tip()
		wait := refreshEvery
		reason := t.pause(tip)
		t.logPause(reason)
		if reason != "" {
			take(nil)
		} else if wait, last = t.next(tip, last, take); wait < 0 {
			continue
		}
		select {
		case <-t.newTip:
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// next gives the next template, for a tip, to take. Last is the tip of the template
// before. It returns how long the template is good for, negative if the tip has changed
// meanwhile, and the tip of the last template.
func (t *templater) next(tip, last *chain.Tip, take func(*template.Template)) (time.Duration, *chain.Tip) {
	options := t.options
	if tip != last {
		options.MaxRecords = template.FirstRecords
	}
	made, err := template.Build(tip, t.pool, t.chain.View(), options)
	switch {
	case t.chain.Tip() != tip:
		return -1, last // the state may have been that of another tip
	case err != nil:
		t.logFailure(tip.Height+1, err)
		take(nil)
		return retryAfter, last
	}
	t.failed = ""
	take(made)
	if tip != last && len(made.Records) == template.FirstRecords {
		return 0, tip
	}
	return refreshEvery, tip
}

// logFailure logs why no template was made for a block at a height. It logs an error
// that repeats only once.
func (t *templater) logFailure(height uint32, err error) {
	if t.failed != err.Error() {
		t.failed = err.Error()
		t.log.Error("template failed", "height", height, "err", err)
	}
}

// pause returns why nothing is mined on a tip for now, "" if something is.
func (t *templater) pause(tip *chain.Tip) string {
	// The chain would reject every block until the clock is right.
	if err := clockError(tip.MinTime, t.options.Now(), t.options.Params); err != nil {
		return err.Error()
	}
	if t.waiting != nil {
		return t.waiting()
	}
	return ""
}

// logPause logs when mining is paused, and when it goes on.
func (t *templater) logPause(reason string) {
	switch {
	case reason == t.paused:
		return
	case reason == "":
		t.log.Info("mining resumed")
	case t.paused == "":
		t.log.Warn("mining paused", "reason", reason)
	}
	t.paused = reason
}
