package link

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

var errHeldUp = fmt.Errorf("%w: others wait for the memory", ErrTooSlow)

// SendBudgetBytes is the usual size of a [SendBudget].
const SendBudgetBytes = 16 << 20

// heldLong is how long a frame may have a share of a full budget while others wait.
const heldLong = 10 * time.Second

// SendBudget bounds the bytes of the frames over 64 kB that all links together have
// queued or are writing. If it is full, the link that has held a share for the longest
// time, and for more than 10 s, ends: peers that read slowly are served as long as
// nobody has to wait for them. Make one with [NewSendBudget]. Safe for concurrent use.
type SendBudget struct {
	mu    sync.Mutex
	size  int
	used  int
	held  []*share      // the oldest first
	freed chan struct{} // closed, and replaced, when bytes are returned
}

// share is what one frame has of a budget.
type share struct {
	budget *SendBudget // nil: nothing has to be returned
	bytes  int
	since  time.Time
	end    func() // ends the link
}

// NewSendBudget returns a budget of size bytes.
func NewSendBudget(size int) *SendBudget {
	return &SendBudget{size: size, freed: make(chan struct{})}
}

// try takes a share of n bytes, or all of a smaller budget. If that is not free it
// returns nil, and a channel that is closed when bytes are returned. A nil budget has
// no bounds. end ends the link that has the share; it must not block.
func (b *SendBudget) try(n int, end func()) (*share, <-chan struct{}) {
	if b == nil {
		return &share{}, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n = min(n, b.size)
	if b.used+n <= b.size {
		s := &share{b, n, time.Now(), end}
		b.used += n
		b.held = append(b.held, s)
		return s, nil
	}
	if oldest := b.held[0]; time.Since(oldest.since) > heldLong {
		oldest.end()
	}
	return nil, b.freed
}

// shrink returns all of a share but n bytes.
func (s *share) shrink(n int) {
	if s == nil || s.budget == nil || n >= s.bytes {
		return
	}
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= s.bytes - n
	s.bytes = n
	if n == 0 {
		b.held = slices.DeleteFunc(b.held, func(h *share) bool { return h == s })
	}
	close(b.freed)
	b.freed = make(chan struct{})
}

// release returns a share. A share of nothing may be released again.
func (s *share) release() { s.shrink(0) }
