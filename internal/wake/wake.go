// Package wake has a signal that wakes one goroutine.
//
// A goroutine that drains work added by others, such as a queue under a lock, waits
// on a [Signal]; whoever adds work calls [Signal.Wake]. Calls while the goroutine is
// busy merge into one, so that no work is missed and no caller blocks.
package wake

// Signal wakes the goroutine that receives from it. It is a channel, so that it can
// be a case of a select. A nil Signal never wakes a goroutine.
type Signal chan struct{}

// New returns a signal that is not set.
func New() Signal { return make(Signal, 1) }

// Wake sets the signal: the waiting receive, or the next one, returns at once. Wake
// never blocks; a signal that is already set stays set.
// Safe for concurrent use.
func (s Signal) Wake() {
	select {
	case s <- struct{}{}:
	default:
	}
}
