package p2p

import (
	"log/slog"
	"sync"
	"time"
)

// warnEvery is how often an event is logged that peers can bring about as often as they
// like, while something is wrong with this node.
const warnEvery = 10 * time.Second

// seldom logs events seldom. Make one with newSeldom. Safe for concurrent use.
type seldom struct {
	mu     sync.Mutex
	logged map[string]time.Time
	since  map[string]int // events that were not logged, since the last that was
}

func newSeldom() *seldom { return &seldom{logged: map[string]time.Time{}, since: map[string]int{}} }

// warn logs an event, with the number of those before that were not logged, unless one
// like it was logged in the last 10 s.
func (l *seldom) warn(log *slog.Logger, event string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if last, ok := l.logged[event]; ok && now.Sub(last) < warnEvery {
		l.since[event]++
		return
	}
	if n := l.since[event]; n > 0 {
		args = append(args, "more", n)
	}
	l.logged[event], l.since[event] = now, 0
	log.Warn(event, args...)
}

// warnSeldom logs a warning about this node that peers can bring about at will. Safe for
// concurrent use.
func (s *Server) warnSeldom(event string, args ...any) { s.seldom.warn(s.log, event, args...) }
