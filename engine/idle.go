package engine

import "time"

// idleTimes measures the time in which each device has no piece of work although
// there is some. The dispatcher's lock guards it.
type idleTimes map[*unit]*idleTime

// idleTime is that of one device in one call of the engine.
type idleTime struct {
	pieces int       // in the hands of its lanes
	since  time.Time // when the last of them ended; zero: the device is not idle
}

func (t idleTimes) of(u *unit) *idleTime {
	if t[u] == nil {
		t[u] = &idleTime{}
	}
	return t[u]
}

// start begins to count for a device without a piece.
func (t idleTimes) start(u *unit) {
	if i := t.of(u); i.pieces == 0 && i.since.IsZero() {
		i.since = time.Now()
	}
}

// stop ends the idle time of a device, and counts it if it has to.
func (t idleTimes) stop(u *unit, counts bool) {
	i := t.of(u)
	if counts && !i.since.IsZero() {
		u.addIdle(time.Since(i.since))
	}
	i.since = time.Time{}
}

// take notes that a lane of u takes a piece.
func (t idleTimes) take(u *unit) {
	t.stop(u, true)
	t.of(u).pieces++
}

// finish notes that a lane of u has ended a piece.
func (t idleTimes) finish(u *unit) {
	t.of(u).pieces--
	t.start(u)
}
