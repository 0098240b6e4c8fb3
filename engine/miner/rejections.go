package miner

import "time"

// maxRejections is how many shares a source may reject in a row.
const maxRejections = 20

// rejections detects a source that rejects everything, so that mining to it is
// useless: a wrong user, another idea of the target, a pool that is out of order.
// Such a source is suspended and tried again, each time after a longer pause.
type rejections struct {
	count int       // in a row
	since time.Time // of the first
	cause Cause     // of the last
	until time.Time // suspended until then
	pause time.Duration
}

// add counts a rejected share. It reports whether that was one too many: then the
// source is suspended from now on.
func (r *rejections) add(cause Cause, now time.Time, t times) bool {
	if cause == Stale || cause == Lost || r.suspended(now) {
		return false // nobody's fault; or the answers to what was sent before
	}
	if r.count++; r.count == 1 {
		r.since = now
	}
	r.cause = cause
	if r.count < maxRejections || now.Sub(r.since) < t.rejecting {
		return false
	}
	r.pause = min(max(2*r.pause, t.suspend), t.maxSuspend)
	r.until, r.count = now.Add(r.pause), 0
	return true
}

// reset forgets all rejections, after an accepted share.
func (r *rejections) reset() { *r = rejections{} }

// suspended reports whether the source is suspended.
func (r *rejections) suspended(now time.Time) bool { return now.Before(r.until) }

// reason says why the source is suspended.
func (r *rejections) reason() string { return "all shares rejected: " + string(r.cause) }
