package gpu

import (
	"fmt"
	"sync/atomic"
	"time"
)

// maxStuck is how many abandoned calls of a GPU may still be running before the
// GPU is lost to the process: those of both lanes, and two more.
const maxStuck = 2 * lanes

// calls runs calls of the driver with a deadline. A call that does not return in
// time is abandoned: it keeps its thread and everything it uses, such as the
// session's pinned memory, until it does return. Their number is therefore
// bounded, see Device.Reopen. Safe for concurrent use.
type calls struct {
	stuck atomic.Int32 // abandoned, and still running
}

// within calls f on a new goroutine and waits for it until the deadline. If f
// returns after that, late is called unless it is nil.
func (c *calls) within(deadline time.Duration, what string, f func() error, late func()) error {
	return c.await(deadline, what, f, late, func(run func()) { go run() })
}

// await is within for an f that start runs, on a goroutine of its choice.
func (c *calls) await(deadline time.Duration, what string, f func() error, late func(), start func(run func())) error {
	var over atomic.Bool // set by what comes first, the end of f or the deadline
	done := make(chan error, 1)
	start(func() {
		err := f()
		if over.CompareAndSwap(false, true) {
			done <- err
			return
		}
		c.stuck.Add(-1)
		if late != nil {
			late()
		}
	})
	timer := time.NewTimer(deadline)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
	}
	if !over.CompareAndSwap(false, true) {
		return <-done // it returned just now
	}
	c.stuck.Add(1)
	return fmt.Errorf("%w: %s took longer than %v; see dmesg for an NVRM: Xid line", ErrHung, what, deadline)
}
