package link

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// The usual sizes of a [Budget], for the answers that links receive, for what they
// receive without a request, and for what they send.
const (
	BudgetBytes     = 20 << 20
	PushBudgetBytes = 8 << 20
	SendBudgetBytes = 16 << 20
)

// While others wait, a link may have a share of a full budget for heldTime, and for more
// by its size, as long as it makes progress within heldTime: for about 21 s in all, if the
// share is for 4 MB. That is enough for links that together fill a line of 10 Mbit/s.
// Those who wait look each lookEvery.
const (
	heldTime  = time.Second
	heldSpeed = 200_000  // bytes per second
	heldPart  = 16 << 10 // bytes that are a progress
	lookEvery = time.Second
)

// handleTime is how long a message may be handled before its link counts as one that has
// its share for too long. That is not the fault of the peer.
const handleTime = 10 * time.Second

// fastFor returns the time in which a frame of n bytes is written or read if the line is
// not slow.
func fastFor(n int) time.Duration { return heldTime + time.Duration(n)*time.Second/heldSpeed }

// How long a frame waits for its share, if it is an answer, and if it is not.
const (
	answerWait time.Duration = math.MaxInt64 / 2
	pushWait                 = time.Second
)

var (
	errHeldUp = fmt.Errorf("%w: others wait for the memory", ErrTooSlow)
	errNoRoom = errors.New("no memory for the frame")
)

// Budget bounds the bytes of the frames over 64 kB that all links together read, handle
// and write at one time, or have queued. While it is full and others wait, links end that
// have had a share for too long for its size, the oldest first: slow peers are served as
// long as nobody waits for them. Links that have sent a long frame fast, and not slowly
// since, go first. Make one with [NewBudget]. Safe for concurrent use.
type Budget struct {
	size int

	mu    sync.Mutex
	used  int
	held  []*share      // the oldest first
	fast  int           // shares of fast links that wait
	freed chan struct{} // closed, and replaced, when bytes are returned
}

// share is what one frame has of a budget. It belongs to one goroutine at a time.
type share struct {
	budget *Budget
	end    func(error)  // ends the link; it must not block
	isFast *atomic.Bool // whether the link goes first; nil: it does not

	bytes int
	since time.Time
	moved time.Time // the last progress
	waits bool      // it counts in Budget.fast
	// isBlocked: it waits for a larger share than it has.
	isBlocked bool
}

// NewBudget returns a budget of size bytes.
func NewBudget(size int) *Budget { return &Budget{size: size, freed: make(chan struct{})} }

// share returns a share of nothing. A nil budget has no bounds.
func (b *Budget) share(end func(error)) *share { return &share{budget: b, end: end} }

// try makes the share n bytes large, or as large as the budget is. If that is not free
// it returns a channel that is closed when bytes are returned.
func (s *share) try(n int) <-chan struct{} {
	b := s.budget
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n = min(n, b.size)
	isFast := s.isFast != nil && s.isFast.Load()
	isFull := b.used+n-s.bytes > b.size
	if isFull {
		b.endSlow(s)
	}
	s.wait(isFull && isFast)
	if s.isBlocked = isFull || b.fast > 0 && !isFast; s.isBlocked {
		return b.freed
	}
	s.moved = time.Now()
	if s.bytes == 0 {
		s.since = s.moved
		b.held = append(b.held, s)
	}
	b.used += n - s.bytes
	s.bytes = n
	return nil
}

// endSlow ends the first link that has had its share for too long, so that others get it;
// one that waits for a larger share only if all do. The caller must hold b.mu.
func (b *Budget) endSlow(other *share) {
	allBlocked := !slices.ContainsFunc(b.held, func(h *share) bool { return !h.isBlocked })
	for _, h := range b.held {
		isLate := time.Since(h.since) > fastFor(h.bytes) || time.Since(h.moved) > heldTime
		if h != other && isLate && h.isBlocked == allBlocked {
			h.end(errHeldUp)
			return
		}
	}
}

// wait notes whether the share of a fast link waits. The caller must hold b.mu.
func (s *share) wait(does bool) {
	if does != s.waits {
		s.waits = does
		if does {
			s.budget.fast++
		} else {
			s.budget.fast--
		}
	}
}

// pause notes that the share does not wait for now.
func (s *share) pause() {
	if s.budget == nil {
		return
	}
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	s.wait(false)
}

// progress notes that some of a frame was written or read.
func (s *share) progress() {
	if s == nil || s.budget == nil {
		return
	}
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	s.moved = time.Now()
}

// handled notes that all of a frame was read, and is handled now.
func (s *share) handled() {
	if s.budget == nil {
		return
	}
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	s.since = time.Now().Add(handleTime)
	s.moved = s.since
}

// take is try, but waits for at most some time. Errors: errNoRoom, that of ctx.
func (s *share) take(ctx context.Context, n int, atMost time.Duration) error {
	for end := time.Now().Add(atMost); ; {
		freed := s.try(n)
		if freed == nil {
			return nil
		}
		left := time.Until(end)
		if left <= 0 {
			return errNoRoom
		}
		timer := time.NewTimer(min(lookEvery, left))
		select {
		case <-freed:
		case <-timer.C: // somebody may have a share for too long
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		timer.Stop()
	}
}

// shrink returns all of a share but n bytes.
func (s *share) shrink(n int) {
	if s == nil || s.budget == nil {
		return
	}
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	s.wait(false)
	if n >= s.bytes {
		return
	}
	b.used -= s.bytes - n
	if s.bytes = n; n == 0 {
		b.held = slices.DeleteFunc(b.held, func(h *share) bool { return h == s })
	}
	close(b.freed)
	b.freed = make(chan struct{})
}
