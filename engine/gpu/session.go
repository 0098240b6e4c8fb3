package gpu

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"stele/cgo/cuda"
	kernels "stele/kernels/cuda"
)

// lanes is the number of launches in flight: while one is prepared and its
// hits are read, the GPU works on the other.
const lanes = 2

// stateSize is the length of kernels.VersionState.
const stateSize = 64

// session is a GPU in use, until it fails or is closed.
type session struct {
	system   *system
	calls    *calls
	card     *card
	gpu      gpu // of the card
	device   cuda.Device
	deadline time.Duration // of a wait for the driver
	opening  time.Duration // the same, where it compiles
	budget   time.Duration // of a launch
	spot     *spotCheck    // nil: none
	limit    int           // of the GPU's power, in watts; 0: not known

	singleVersion *searcher
	multiVersion  *searcher
	verifyKernel  kernel
	verifyEntry   kernels.Entry // of verifyKernel
	linkKernel    kernel

	all  []*lane
	free chan *lane // those that nobody uses
	busy atomic.Int32

	failed  chan struct{} // closed when err is set
	mu      sync.Mutex
	err     error
	closed  bool
	release []func() error // in the order of allocation
}

// lane is a queue of the GPU with its buffers, and the thread that waits for
// it. Who took it from the session may use it.
type lane struct {
	calls    chan func()
	ended    chan struct{}
	stuck    bool // a call did not return within the deadline
	queue    queue
	hits     cuda.DevicePtr // count, capacity, hits of one or two words
	head     []byte         // pinned: what the first two are before a launch
	found    []byte         // pinned: what they are after it
	versions cuda.DevicePtr // states of the versions of a header
	states   []byte         // pinned: the same
	slots    []slot         // of Verify; nil: none yet
}

// openSession takes a GPU into use.
func openSession(y *system, c *calls, g cuda.Device, opts Options) (*session, error) {
	s := &session{
		system:        y,
		calls:         c,
		device:        g,
		deadline:      opts.Deadline,
		opening:       opts.opening(),
		budget:        opts.Budget,
		singleVersion: newSingleVersion(),
		multiVersion:  newMultiVersion(),
		free:          make(chan *lane, lanes),
		failed:        make(chan struct{}),
	}
	if opts.SpotCheck > 0 {
		s.spot = newSpotCheck(opts.SpotCheck)
	}
	err := c.within(opts.opening(), "opening the GPU", func() error { return s.open(opts) }, func() { _ = s.giveBack(s.release) })
	if errors.Is(err, ErrHung) { // another thread is still opening it
		y.forget(g, nil)
		return nil, err
	}
	for _, l := range s.all {
		go l.run()
		s.free <- l
	}
	if err == nil {
		err = s.choose(opts, s.singleVersion, opts.Kernel)
	}
	if err == nil {
		err = s.choose(opts, s.multiVersion, opts.RollKernel)
	}
	if err != nil {
		_ = s.close() // the first error tells more
		return nil, err
	}
	return s, nil
}

// open makes everything but the search kernels.
func (s *session) open(opts Options) (err error) {
	if s.card, err = s.system.hold(s.device); err != nil {
		return err
	}
	s.gpu, s.limit = s.card.gpu, s.system.sensors(s.device).limit
	for all := verifyEntries(s.device); ; all = all[1:] {
		s.verifyEntry = all[0]
		if s.verifyKernel, err = s.load(all[0]); err == nil {
			break
		}
		if len(all) == 1 || !refused(err) {
			return err
		}
		s.leaveOut(opts, all[0].Name, err)
	}
	if s.linkKernel, err = s.load(entryOf(kernels.Link)); err != nil {
		return err
	}
	for range lanes {
		l := &lane{calls: make(chan func(), 1), ended: make(chan struct{})}
		if l.queue, err = s.queue(); err != nil {
			return err
		}
		const most = 4 * (2 + 2*capacity)
		if l.hits, err = s.alloc(most); err != nil {
			return err
		}
		if l.versions, err = s.alloc(stateSize * kernels.Versions); err != nil {
			return err
		}
		if l.head, err = s.hostAlloc(8); err != nil {
			return err
		}
		if l.found, err = s.hostAlloc(most); err != nil {
			return err
		}
		if l.states, err = s.hostAlloc(stateSize * kernels.Versions); err != nil {
			return err
		}
		s.all = append(s.all, l)
	}
	return nil
}

// later adds what close does.
func (s *session) later(f func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release = append(s.release, f)
}

func (s *session) load(e kernels.Entry) (kernel, error) {
	k, err := s.card.load(e)
	if err != nil {
		return nil, fmt.Errorf("kernel %s: %w", e.Name, err)
	}
	return k, nil
}

func (s *session) queue() (queue, error) {
	q, err := s.gpu.queue()
	if err == nil {
		s.later(q.close)
	}
	return q, err
}

func (s *session) alloc(n int) (cuda.DevicePtr, error) {
	p, err := s.gpu.alloc(n)
	if err == nil {
		s.later(func() error { return s.gpu.free(p) })
	}
	return p, err
}

func (s *session) hostAlloc(n int) ([]byte, error) {
	b, err := s.gpu.hostAlloc(n)
	if err == nil {
		s.later(func() error { return s.gpu.hostFree(b) })
	}
	return b, err
}

// run is the lane's goroutine.
func (l *lane) run() {
	runtime.LockOSThread() // for good: the driver knows the thread
	defer close(l.ended)
	for f := range l.calls {
		f()
	}
}

// take waits for a lane that nobody uses. The caller gives it back.
func (s *session) take(ctx context.Context) (*lane, error) {
	select {
	case l := <-s.free:
		if err := s.failure(); err != nil {
			s.free <- l
			return nil, err
		}
		return l, nil
	case <-s.failed:
		return nil, s.failure()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// do has the lane's thread call f, which calls the driver, and waits for it,
// but not longer than the deadline. An error ends the session. After ErrHung f
// may still run, so f must touch nothing but the lane and its own variables.
func (s *session) do(l *lane, what string, f func() error) error {
	return s.doWithin(s.deadline, l, what, f)
}

func (s *session) doWithin(deadline time.Duration, l *lane, what string, f func() error) (err error) {
	if err := s.failure(); err != nil {
		return err
	}
	err = s.calls.await(deadline, what, f, nil, func(run func()) { l.calls <- run }) // the lane is idle: it takes this at once
	if err != nil {
		l.stuck = errors.Is(err, ErrHung)
		s.fail(err)
	}
	return err
}

// fail ends the session. The first error stays.
func (s *session) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		close(s.failed)
	}
}

// failure returns why the session ended, or nil.
func (s *session) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// close gives everything back, after the calls under way have returned. It does
// not wait for a thread that hangs: then everything is given back when that
// returns, unless the context was reset meanwhile.
func (s *session) close() error {
	s.fail(ErrClosed)
	s.mu.Lock()
	closed, release := s.closed, s.release
	s.closed, s.release = true, nil
	s.mu.Unlock()
	if closed {
		return nil
	}
	stuck := false
	for range s.all {
		l := <-s.free
		close(l.calls)
		if l.stuck {
			stuck = true
		} else {
			<-l.ended
		}
	}
	if stuck {
		s.system.forget(s.device, s.card) // the next session needs another context
		go func() {
			for _, l := range s.all {
				<-l.ended
			}
			_ = s.giveBack(release) // nobody waits for it
		}()
		return nil
	}
	return s.calls.within(s.deadline, "closing the GPU", func() error { return s.giveBack(release) }, nil)
}

// giveBack frees what the session has of the GPU. It calls the driver.
func (s *session) giveBack(release []func() error) (first error) {
	if s.card == nil {
		return nil
	}
	note := func(err error) {
		if first == nil {
			first = err
		}
	}
	if !s.card.reset.Load() { // otherwise all is free, and may belong to others
		for _, f := range slices.Backward(release) {
			note(f())
		}
	}
	note(s.card.release())
	return first
}
