// Package rate measures how fast counts grow, and limits how fast a log grows.
//
// [Window] keeps readings of a count and reports its rate over the last seconds or
// hours.
//
// [Logger] is for a log whose lines a pool, a miner or a client causes. Each event
// has its own limit, so that a flood of one does not hide the others, and dropped
// lines are counted.
package rate

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// An event may be logged burst times at once, and then once in each period of
// every. Levels below [slog.LevelInfo], which a user must have enabled, have a
// higher limit.
const (
	burst, every           = 20, 5 * time.Second
	debugBurst, debugEvery = 200, 100 * time.Millisecond
)

// maxEvents bounds the table of events. Further events share one limit.
const maxEvents = 256

// Logger returns a logger that writes to log, but drops lines of an event that
// occurs too often. The message of a line is its event: it must be one of a few
// constants, with all variable parts in attributes. The next line of the event that
// is written has the number of dropped lines in the attribute "dropped". Loggers
// derived by With share the limits. Safe for concurrent use if log is.
func Logger(log *slog.Logger) *slog.Logger {
	return slog.New(&handler{log.Handler(), &events{all: map[event]*limit{}}})
}

type handler struct {
	slog.Handler
	events *events
}

// Handle implements [slog.Handler].
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	dropped, ok := h.events.admit(event{r.Message, r.Level < slog.LevelInfo}, cmp.Or(r.Time, time.Now()))
	if !ok {
		return nil
	}
	if dropped > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Uint64("dropped", dropped))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.Handler.WithAttrs(attrs), h.events}
}

// WithGroup implements [slog.Handler].
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.Handler.WithGroup(name), h.events}
}

type event struct {
	message string
	debug   bool
}

// events has the limits of all events.
type events struct {
	mu  sync.Mutex
	all map[event]*limit
}

type limit struct {
	*rate.Limiter
	dropped uint64 // lines since the last one written
}

// admit reports whether a line may be written, and the number of lines of its event
// that were dropped since the last one.
func (e *events) admit(of event, now time.Time) (dropped uint64, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.all) >= maxEvents && e.all[of] == nil {
		of.message = ""
	}
	l := e.all[of]
	if l == nil {
		l = &limit{Limiter: rate.NewLimiter(rate.Every(every), burst)}
		if of.debug {
			l.Limiter = rate.NewLimiter(rate.Every(debugEvery), debugBurst)
		}
		e.all[of] = l
	}
	if !l.AllowN(now, 1) {
		l.dropped++
		return 0, false
	}
	dropped, l.dropped = l.dropped, 0
	return dropped, true
}
