package bench

import (
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"stele/bench/cycles"
)

// Clock is the source of all times of a measurement. [HostClock] reads the clocks
// of the machine.
type Clock interface {
	// Now returns the time since a fixed moment. It never decreases.
	Now() time.Duration
	// Resolution returns the smallest step of Now.
	Resolution() time.Duration
	// CPU returns the processor time, user and system, that this program has used;
	// false if it is not known.
	CPU() (time.Duration, bool)
	// Probe does a fixed piece of arithmetic on a number of threads at once, and
	// returns the time of the slowest.
	Probe(threads int) time.Duration
}

// CoreClock is a [Clock] that also knows the cycles of the processor.
type CoreClock interface {
	// Cycles returns the cycles of cores that this program has used, outside the
	// operating system; false if they are not counted.
	Cycles() (float64, bool)
	// Frequency returns the clock of a core with a number of threads at work at once,
	// in hertz: the mean of the threads. It is 0 if it is not known.
	Frequency(threads int) float64
}

// HostClock reads the clocks of this machine. It is a [CoreClock].
type HostClock struct {
	start      time.Time
	resolution time.Duration
	counter    *cycles.Counter // nil if cycles are not counted
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

// Now returns the monotonic time since the clock was made.
func (c *HostClock) Now() time.Duration { return time.Since(c.start) }

// Resolution returns the smallest step seen when the clock was made.
func (c *HostClock) Resolution() time.Duration { return c.resolution }

// CPU returns the processor time of the process.
func (c *HostClock) CPU() (time.Duration, bool) { return ProcessorTime() }

// A probe is probeRuns runs of a loop of about 20 microseconds at 4 GHz: much
// longer than a step of the clock, much shorter than a slice. The fastest run
// counts, because the first may share its core with threads of the slice that are
// about to stop.
const (
	probeRuns  = 3
	probeLoops = 24_000
)

// Probe runs the loop on threads threads at once, but on GOMAXPROCS at most.
func (c *HostClock) Probe(threads int) time.Duration {
	return slices.Max(together(threads, c.spin))
}

// CountCycles begins to count the cycles of the threads of this process. The error says
// why they cannot be counted.
func (c *HostClock) CountCycles() (err error) {
	c.counter, err = cycles.Open()
	return err
}

// Close ends the counting of cycles.
func (c *HostClock) Close() error {
	if c.counter == nil {
		return nil
	}
	return c.counter.Close()
}

// Cycles returns the cycles since CountCycles.
func (c *HostClock) Cycles() (float64, bool) {
	if c.counter == nil {
		return 0, false
	}
	return c.counter.Read()
}

// Frequency measures the clock on threads threads at once, but on GOMAXPROCS at most.
func (c *HostClock) Frequency(threads int) float64 {
	sum, all := 0.0, together(threads, cycles.Frequency)
	for _, hz := range all {
		sum += hz
	}
	return sum / float64(len(all))
}

// together calls f on threads threads at once, but on 1 at least and GOMAXPROCS at most,
// and returns the results.
func together[T any](threads int, f func() T) []T {
	threads = max(1, min(threads, runtime.GOMAXPROCS(0)))
	if threads == 1 {
		return []T{f()}
	}
	var (
		running sync.WaitGroup
		ready   atomic.Int64
	)
	results := make([]T, threads)
	for i := range results {
		running.Go(func() {
			ready.Add(1)
			for ready.Load() < int64(threads) {
				runtime.Gosched()
			}
			results[i] = f()
		})
	}
	running.Wait()
	return results
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

// spun keeps the result, so that the compiler cannot remove the work.
var spun atomic.Uint64

// arithmetic does six chains of dependent additions side by side. One chain would
// show a lower clock. Six also fill the execution units of a core, and so show
// that another thread on the same core uses them too.
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
