package miner

import "time"

// mostRefusals is how many shares a source may refuse in a row.
const mostRefusals = 20

// refusals tells when a source refuses everything, so that it is no use to mine
// for it: a wrong user, another idea of the target, a pool that is out of order.
// Then it is set aside for a time, longer and longer, and tried again.
type refusals struct {
	count int       // in a row
	since time.Time // of the first
	cause Cause     // of the last
	until time.Time // set aside until then
	pause time.Duration
}

// refuse notes that a share was refused, and reports whether that was once too
// often: then the source is set aside from now on.
func (r *refusals) refuse(cause Cause, now time.Time, t times) bool {
	if cause == Stale || cause == Lost || r.aside(now) {
		return false // nobody's fault; or the answers to what was sent before
	}
	if r.count++; r.count == 1 {
		r.since = now
	}
	r.cause = cause
	if r.count < mostRefusals || now.Sub(r.since) < t.refusals {
		return false
	}
	r.pause = min(max(2*r.pause, t.aside), t.longestAside)
	r.until, r.count = now.Add(r.pause), 0
	return true
}

// accept notes that a share was accepted: all is well again.
func (r *refusals) accept() { *r = refusals{} }

// aside reports whether the source is set aside.
func (r *refusals) aside(now time.Time) bool { return now.Before(r.until) }

// why tells why the source is set aside.
func (r *refusals) why() string { return "it refuses every share: " + string(r.cause) }
