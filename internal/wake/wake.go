// Package wake has a signal that wakes one goroutine.
//
// A goroutine that works through something that others add to, such as a queue
// under a lock, waits on a [Signal]; whoever adds something calls [Signal.Wake].
// Calls while the goroutine is busy are merged into one, so that nothing is
// missed and nobody blocks.
package wake

// Signal wakes the goroutine that receives from it. It is a channel, so that it
// can be one case of a select. A nil Signal never wakes anybody.
type Signal chan struct{}

// New returns a signal that is not set.
func New() Signal { return make(Signal, 1) }

// Wake sets the signal: the next receive, or the one that waits, returns at
// once. It never blocks; a signal that is set already stays set.
// Safe for concurrent use.
func (s Signal) Wake() {
	select {
	case s <- struct{}{}:
	default:
	}
}
