package gpu

import (
	"fmt"
	"sync/atomic"
	"time"
)

// maxStuck is how many abandoned calls of a GPU may be under way before it is
// lost to the process: both lanes, and two more.
const maxStuck = 2 * lanes

// calls waits for calls of the driver, with a deadline. A call that does not
// return in time is abandoned: it keeps its thread and whatever it uses, such as
// the session's pinned memory, until it returns after all. So their number is
// bounded, see Device.Reopen. It is safe for concurrent use.
type calls struct {
	stuck atomic.Int32 // abandoned, and not returned
}

// within calls f on a goroutine of its own and waits for it, but not longer than
// the deadline. If f returns later, late is called then; nil: nothing.
func (c *calls) within(deadline time.Duration, what string, f func() error, late func()) error {
	return c.await(deadline, what, f, late, func(run func()) { go run() })
}

// await has start run f somewhere else, and otherwise does what within does.
func (c *calls) await(deadline time.Duration, what string, f func() error, late func(), start func(run func())) error {
	var over atomic.Bool // by whoever comes first: f or the deadline
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
