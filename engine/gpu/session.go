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

// lanes is the number of launches in flight: while the host prepares one and reads
// its hits, the GPU works on the other.
const lanes = 2

// stateSize is the length of kernels.VersionState in bytes.
const stateSize = 64

// session is an open GPU, until it fails or is closed.
type session struct {
	system   *system
	calls    *calls
	card     *card
	gpu      gpu // that of card
	device   cuda.Device
	deadline time.Duration // of driver calls
	opening  time.Duration // of driver calls that compile
	budget   time.Duration // of a launch
	spot     *spotCheck    // nil: none
	limit    int           // power limit of the GPU in watts; 0: unknown

	singleVersion *searcher
	multiVersion  *searcher
	verifyKernel  kernel
	verifyEntry   kernels.Entry // of verifyKernel
	linkKernel    kernel

	opens                    sync.Mutex // guards the next three, and is held while they are set
	merkleTested             bool
	merkleErr                error // ErrUnable, if the driver rejects a kernel
	hashKernel, merkleKernel kernel

	all  []*lane
	free chan *lane   // lanes not in use
	busy atomic.Int32 // searches in flight

	failed  chan struct{} // closed when err is set
	mu      sync.Mutex
	err     error
	closed  bool
	release []func() error // in the order of allocation
}

// lane is a queue of the GPU with its buffers, and the thread that waits for it.
// Only the caller of session.take may use it, until it is put back into free.
type lane struct {
	calls    chan func()
	ended    chan struct{}
	isStuck  bool // a call did not return within the deadline
	queue    queue
	hits     cuda.DevicePtr // count, capacity, hits of one or two words
	head     []byte         // pinned: count and capacity before a launch
	found    []byte         // pinned: hits after a launch
	versions cuda.DevicePtr // states of the versions of a header
	states   []byte         // pinned: copied to versions
	slots    []slot         // of Verify; nil until the first call
	forest   *forest        // of Merkle; nil until the first call
}

// openSession opens a GPU.
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
	err := c.within(opts.opening(), "opening the GPU", func() error { return s.open(opts) }, func() { _ = s.releaseAll(s.release) })
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
		_ = s.close() // the first error says more
		return nil, err
	}
	return s, nil
}

// open allocates everything and loads all kernels but the search kernels.
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
		if len(all) == 1 || !isRejected(err) {
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
		const hitBytes = 4 * (2 + 2*capacity)
		if l.hits, err = s.alloc(hitBytes); err != nil {
			return err
		}
		if l.versions, err = s.alloc(stateSize * kernels.Versions); err != nil {
			return err
		}
		if l.head, err = s.hostAlloc(8); err != nil {
			return err
		}
		if l.found, err = s.hostAlloc(hitBytes); err != nil {
			return err
		}
		if l.states, err = s.hostAlloc(stateSize * kernels.Versions); err != nil {
			return err
		}
		s.all = append(s.all, l)
	}
	return nil
}

// later adds a step to close. Safe for concurrent use.
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

// buffer is memory of the device, and as much of the host unless host is nil.
type buffer struct {
	host   *[]byte
	device *cuda.DevicePtr
	bytes  int
}

// allocAll allocates buffers.
func (s *session) allocAll(buffers ...buffer) (err error) {
	for _, b := range buffers {
		if *b.device, err = s.alloc(b.bytes); err != nil {
			return err
		}
		if b.host == nil {
			continue
		}
		if *b.host, err = s.hostAlloc(b.bytes); err != nil {
			return err
		}
	}
	return nil
}

// run is the lane's goroutine.
func (l *lane) run() {
	runtime.LockOSThread() // never unlocked: the driver has state for the thread
	defer close(l.ended)
	for f := range l.calls {
		f()
	}
}

// take waits for a free lane. The caller must send it to s.free after use.
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

// do runs f, which calls the driver, on the thread of the lane, and waits for it
// until the deadline. An error ends the session. After ErrHung f may still be
// running, so f must not touch anything but the lane and its own variables.
func (s *session) do(l *lane, what string, f func() error) error {
	return s.doWithin(s.deadline, l, what, f)
}

func (s *session) doWithin(deadline time.Duration, l *lane, what string, f func() error) (err error) {
	if err := s.failure(); err != nil {
		return err
	}
	err = s.calls.await(deadline, what, f, nil, func(run func()) { l.calls <- run }) // never blocks: the lane is idle
	if err != nil {
		l.isStuck = errors.Is(err, ErrHung)
		s.fail(err)
	}
	return err
}

// fail ends the session. The first error is kept. Safe for concurrent use.
func (s *session) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		close(s.failed)
	}
}

// failure returns the error that ended the session, or nil.
func (s *session) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// close frees everything after the calls in progress have returned. It does not
// wait for a thread that hangs: everything is then freed when that thread
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
	isStuck := false
	for range s.all {
		l := <-s.free
		close(l.calls)
		if l.isStuck {
			isStuck = true
		} else {
			<-l.ended
		}
	}
	if isStuck {
		s.system.forget(s.device, s.card) // the next session needs another context
		go func() {
			for _, l := range s.all {
				<-l.ended
			}
			_ = s.releaseAll(release) // nothing can be done about an error
		}()
		return nil
	}
	return s.calls.within(s.deadline, "closing the GPU", func() error { return s.releaseAll(release) }, nil)
}

// releaseAll runs the steps of release, the last one first, and releases the
// card. It calls the driver.
func (s *session) releaseAll(release []func() error) (first error) {
	if s.card == nil {
		return nil
	}
	note := func(err error) {
		if first == nil {
			first = err
		}
	}
	if !s.card.reset.Load() { // otherwise all of it is gone
		for _, f := range slices.Backward(release) {
			note(f())
		}
	}
	note(s.card.release())
	return first
}
