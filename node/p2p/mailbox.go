package p2p

import (
	"sync"

	"stele/internal/wake"
)

// mailbox holds what other goroutines want the loop to do. Putting something in
// never blocks. Its length is bounded by those who do: a reader waits until its
// message is handled, and each worker until it gets more work. Safe for concurrent
// use.
type mailbox struct {
	mu     sync.Mutex
	calls  []func()
	closed bool
	more   wake.Signal
}

func newMailbox() mailbox { return mailbox{more: wake.New()} }

// put adds a call, and reports whether the loop will make it or discard it at its end:
// false after close.
func (m *mailbox) put(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.calls = append(m.calls, f)
	m.more.Wake()
	return true
}

// take returns what was put in since the last time.
func (m *mailbox) take() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	calls := m.calls
	m.calls = nil
	return calls
}

// close discards what is left, and what comes.
func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls, m.closed = nil, true
}
