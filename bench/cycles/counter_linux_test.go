package cycles

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The kernel's own clock of threads goes through the same system calls as the counter of
// cycles, and works on machines without counters. It must see threads that run already
// and such that start later.
func TestCounterOfAllThreads(t *testing.T) {
	const threads, each = 3, 30 * time.Millisecond
	c, err := open(unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_TASK_CLOCK})
	if err != nil {
		t.Skip("perf_event_open is not allowed here:", err)
	}
	before, ok := c.Read()
	if !ok {
		t.Fatal("no reading")
	}
	var wg sync.WaitGroup
	for range threads {
		wg.Go(func() {
			runtime.LockOSThread() // it ends with the goroutine, and its time must remain
			for begun := threadTime(t); threadTime(t)-begun < each; {
			}
		})
	}
	wg.Wait()
	after, ok := c.Read()
	if got := time.Duration(after - before); !ok || got < threads*each || got > 100*threads*each {
		t.Errorf("%v of processor time, want at least %v", got, threads*each)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// threadTime returns the processor time of the thread.
func threadTime(t *testing.T) time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		t.Error(err)
		return time.Hour
	}
	return time.Duration(now.Nano())
}

// The counter agrees with the chain, where the machine has one.
func TestCounterOfCycles(t *testing.T) {
	c, err := Open()
	if err != nil {
		t.Skip("no counter of cycles here:", err)
	}
	defer c.Close()
	const turns = 100_000
	before, _ := c.Read()
	chain(turns)
	after, ok := c.Read()
	if steps := float64(turns * chainSteps); !ok || after-before < steps || after-before > 1.2*steps {
		t.Errorf("%v cycles for %v additions, one after the other", after-before, steps)
	}
}

func TestExplain(t *testing.T) {
	if _, err := openAll(unix.PerfEventAttr{Type: 1 << 30}, []int{0}); err == nil {
		t.Error("an event of an unknown kind was opened")
	}
	for _, err := range []error{unix.EACCES, unix.ENOENT, unix.EINVAL} {
		if text := explain(err).Error(); len(text) < len("performance counter: ") {
			t.Errorf("%v: %q", err, text)
		}
	}
}
