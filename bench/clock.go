package bench

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Clock is what a measurement reads. [HostClock] reads the machine's.
type Clock interface {
	// Now is the time since some fixed moment. It never goes back.
	Now() time.Duration
	// Resolution is the smallest step of Now.
	Resolution() time.Duration
	// CPU is the processor time, user and system, that this program has
	// used; false where that is not known.
	CPU() (time.Duration, bool)
	// Probe does a fixed piece of arithmetic on so many threads at once, and
	// tells how long the slowest of them took.
	Probe(threads int) time.Duration
}

// HostClock reads the clocks of this machine.
type HostClock struct {
	start      time.Time
	resolution time.Duration
}

// NewHostClock returns a clock that starts at 0.
func NewHostClock() *HostClock {
	c := &HostClock{start: time.Now(), resolution: time.Second}
	for range 100 {
		from := c.Now()
		now := from
		for now == from {
			now = c.Now()
		}
		c.resolution = min(c.resolution, now-from)
	}
	return c
}

// Now is the monotonic time since the clock was made.
func (c *HostClock) Now() time.Duration { return time.Since(c.start) }

// Resolution is the smallest step seen when the clock was made.
func (c *HostClock) Resolution() time.Duration { return c.resolution }

// CPU is the processor time of the process.
func (c *HostClock) CPU() (time.Duration, bool) { return ProcessorTime() }

// A probe is probeRuns runs of the loop, of about 20 microseconds each at 4
// GHz: much longer than a step of the clock, much shorter than a slice. The
// fastest run counts, since the first may share its core with the threads
// that the slice has just left behind.
const (
	probeRuns  = 3
	probeLoops = 24_000
)

// Probe runs the loop on the given number of threads, though not on more than
// the program may use. It waits until all of them run.
func (c *HostClock) Probe(threads int) time.Duration {
	threads = max(1, min(threads, runtime.GOMAXPROCS(0)))
	if threads == 1 {
		return c.spin()
	}
	var (
		running sync.WaitGroup
		ready   atomic.Int64
		slowest atomic.Int64
	)
	for range threads {
		running.Go(func() {
			ready.Add(1)
			for ready.Load() < int64(threads) {
				runtime.Gosched()
			}
			took := int64(c.spin())
			for old := slowest.Load(); took > old && !slowest.CompareAndSwap(old, took); old = slowest.Load() {
			}
		})
	}
	running.Wait()
	return time.Duration(slowest.Load())
}

// spin times the arithmetic of a probe.
func (c *HostClock) spin() time.Duration {
	fastest := time.Duration(math.MaxInt64)
	for range probeRuns {
		start := c.Now()
		spun.Store(arithmetic(probeLoops))
		fastest = min(fastest, c.Now()-start)
	}
	return fastest
}

// spun keeps the result, so that the compiler cannot drop the work.
var spun atomic.Uint64

// arithmetic is six chains of dependent additions side by side. One chain
// would show a lower clock; six also fill the execution units of a core, and
// so show that a neighbour on the same core wants them too.
func arithmetic(loops uint64) uint64 {
	a, b, c, d, e, f := uint64(1), uint64(2), uint64(3), uint64(4), uint64(5), uint64(6)
	for i := range loops {
		a = (a ^ i) + 0x9e37
		b = (b ^ i) + 0x79b9
		c = (c ^ i) + 0x7f4a
		d = (d ^ i) + 0x7c15
		e = (e ^ i) + 0xf39c
		f = (f ^ i) + 0xc060
	}
	return a ^ b ^ c ^ d ^ e ^ f
}
