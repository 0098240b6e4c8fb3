package cycles

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Counter counts the cycles of all threads of this process, outside the operating
// system. Its methods must not be called concurrently.
type Counter struct {
	files []int // of the threads that there were, each with those that it starts later
}

// Open opens the counter of cycles, and begins to count. The error says why the counter
// cannot be used.
func Open() (*Counter, error) {
	return open(unix.PerfEventAttr{Type: unix.PERF_TYPE_HARDWARE, Config: unix.PERF_COUNT_HW_CPU_CYCLES})
}

// maxTries bounds how often open begins again because a thread has started meanwhile.
const maxTries = 20

// open opens an event for all threads. Each event includes threads that its thread
// starts later. A thread that starts while open works may belong to an event or not, so
// open then begins again.
func open(attr unix.PerfEventAttr) (*Counter, error) {
	attr.Size = uint32(unsafe.Sizeof(attr))
	attr.Bits = unix.PerfBitInherit | unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv
	attr.Read_format = unix.PERF_FORMAT_TOTAL_TIME_ENABLED | unix.PERF_FORMAT_TOTAL_TIME_RUNNING
	for range maxTries {
		before, err := threads()
		if err != nil {
			return nil, err
		}
		c, err := openAll(attr, before)
		if errors.Is(err, unix.ESRCH) {
			continue // a thread has ended
		}
		if err != nil {
			return nil, err
		}
		if after, err := threads(); err == nil && slices.Equal(before, after) {
			return c, nil
		}
		_ = c.Close()
	}
	return nil, errors.New("the threads of the process did not stay the same while the counters were opened")
}

func openAll(attr unix.PerfEventAttr, threads []int) (*Counter, error) {
	c := new(Counter)
	for _, thread := range threads {
		file, err := unix.PerfEventOpen(&attr, thread, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if err != nil {
			_ = c.Close()
			return nil, explain(err)
		}
		c.files = append(c.files, file)
	}
	return c, nil
}

// explain returns an error that says what the operator can do.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM):
		level, _ := os.ReadFile("/proc/sys/kernel/perf_event_paranoid")
		return fmt.Errorf("performance counter: %w: kernel.perf_event_paranoid is %s, must be at most 2, and the container must allow perf_event_open", err, strings.TrimSpace(string(level)))
	case errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENODEV):
		return fmt.Errorf("performance counter: %w: the machine has no counter of cycles; many virtual machines have none", err)
	}
	return fmt.Errorf("performance counter: %w", err)
}

// threads returns the numbers of the threads of this process, sorted.
func threads() (all []int, err error) {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all, nil
}

// minRunning is the least fraction of the time that a counter must have run, so that the
// rest can be estimated. The kernel shares counters between more events than there are
// counters.
const minRunning = 0.9

// Read returns the number of cycles since the counter was opened; false if the kernel
// does not say, or if the counter did not run for enough of the time.
func (c *Counter) Read() (cycles float64, ok bool) {
	for _, file := range c.files {
		var reading [24]byte // the count, the time that it was enabled, and that it ran
		if n, err := unix.Read(file, reading[:]); n != len(reading) || err != nil {
			return 0, false
		}
		count := float64(binary.NativeEndian.Uint64(reading[:]))
		enabled := float64(binary.NativeEndian.Uint64(reading[8:]))
		ran := float64(binary.NativeEndian.Uint64(reading[16:]))
		switch {
		case enabled == 0: // the thread has not run since
		case ran < minRunning*enabled:
			return 0, false
		default:
			cycles += count * enabled / ran
		}
	}
	return cycles, true
}

// Close closes the counter.
func (c *Counter) Close() error {
	var all error
	for _, file := range c.files {
		all = errors.Join(all, unix.Close(file))
	}
	c.files = nil
	return all
}
