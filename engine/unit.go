package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// State reports whether a device is used.
type State string

// The states of a device. A sick one stays out until [Engine.Retry] takes it in
// again. A dead one that is a [Reopener] is tried again by itself.
const (
	OK      State = "ok"
	Sick    State = "sick"    // it gave wrong answers: nothing it said is trusted
	Dead    State = "dead"    // it failed: what it said before holds
	Resting State = "resting" // by [Engine.Rest], until [Engine.Wake]
)

// How long a dead device is left alone: at first, and at most. The time doubles
// with each failure until the device has worked for the longest time.
const (
	firstPause   = time.Second
	longestPause = 5 * time.Minute
)

// DeviceStatus is what is known of a device. The counts only grow. They tell
// what the hardware has done, also where its answers were then thrown away.
type DeviceStatus struct {
	Info           Info   `json:"info"`
	State          State  `json:"state"`
	Reason         string `json:"reason,omitempty"` // why it is not OK
	Lost           bool   `json:"lost,omitempty"`   // only a new process can use it again, see [ErrLost]
	Nonces         uint64 `json:"nonces"`           // nonces finished, once for each version: hashes
	Headers        uint64 `json:"headers"`          // headers checked
	HardwareErrors uint64 `json:"hardware_errors"`  // wrong hits and wrong verdicts

	// Hits is how many it found among all Nonces, and ExpectedHits how many it should
	// have found by the targets of the jobs. Hits is a Poisson variable with that
	// mean if the device tells the truth.
	Hits         uint64  `json:"hits"`
	ExpectedHits float64 `json:"expected_hits"`
}

// unit is a device in the hands of the engine.
type unit struct {
	device Device
	info   Info
	log    *slog.Logger

	reviving chan struct{} // holds an element while somebody tries

	mu       sync.Mutex // guards what follows, up to the counts
	state    State      // not Resting
	reason   string
	rest     string          // why the device rests; "": it does not
	lost     bool            // Reopen has returned ErrLost
	sickness uint64          // how often it became sick
	forgiven uint64          // wrong answers before it was taken in again
	changed  chan struct{}   // closed when the state changes, and then another
	in       context.Context // ends when the device is put aside, and what it is doing with it
	out      context.CancelFunc
	pause    time.Duration // to wait before the next try
	revived  time.Time     // when the device came back
	nonces   uint64        // finished, once for each version
	hits     uint64        // among them
	expected float64       // hits among them

	headers, errors atomic.Uint64

	searching, verifying rate // speed of one lane
}

func newUnit(d Device, log *slog.Logger) *unit {
	u := &unit{
		device: d, info: d.Info(), log: log,
		state: OK, changed: make(chan struct{}),
		reviving: make(chan struct{}, 1), pause: firstPause,
	}
	u.info.Lanes = max(u.info.Lanes, 1)
	u.in, u.out = context.WithCancel(context.Background())
	return u
}

// is reports whether the device is in state s.
func (u *unit) is(s State) bool {
	now, _ := u.look()
	return now == s
}

// look returns the state, and a channel that is closed when it changes.
func (u *unit) look() (State, <-chan struct{}) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.now(), u.changed
}

// now returns the state. The caller holds mu, as for the next two.
func (u *unit) now() State {
	if u.state == OK && u.rest != "" {
		return Resting
	}
	return u.state
}

// stop ends what the device is doing.
func (u *unit) stop() {
	u.out()
	u.tellChange()
}

func (u *unit) tellChange() {
	close(u.changed)
	u.changed = make(chan struct{})
}

// putAside takes the device out of use. Dead can become Sick, since a wrong
// answer also spoils earlier ones; otherwise the first reason stays.
func (u *unit) putAside(s State, reason string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.state == OK || u.state == Dead && s == Sick {
		u.state, u.reason = s, reason
		if s == Sick {
			u.sickness++
		}
		u.log.Warn("device put aside", "device", u.info.ID, "state", string(s), "reason", reason)
	}
	u.stop()
}

// leave ends what the device is doing, since its engine is closed.
func (u *unit) leave() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stop()
}

// setRest lets the device rest, or with "" go on.
func (u *unit) setRest(reason string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	before := u.now()
	u.rest = reason
	switch now := u.now(); {
	case now == before:
	case now == Resting:
		u.log.Info("device rests", "device", u.info.ID, "reason", reason)
		u.stop()
	default:
		u.log.Info("device goes on after a rest", "device", u.info.ID)
		u.in, u.out = context.WithCancel(context.Background())
		u.tellChange()
	}
}

// mayReturn reports whether the device may be used again without anybody's
// doing, or is only resting.
func (u *unit) mayReturn() bool {
	switch now, _ := u.look(); now {
	case OK, Resting:
		return true
	case Dead:
		_, ok := u.device.(Reopener)
		return ok && !u.isLost()
	}
	return false
}

func (u *unit) isLost() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.lost
}

// lose notes that Reopen has returned err, of the kind ErrLost.
func (u *unit) lose(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.lost {
		u.lost, u.reason = true, err.Error()
		u.log.Warn("device is lost", "device", u.info.ID, "reason", u.reason)
	}
}

// sick returns how often the device became sick.
func (u *unit) sick() uint64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.sickness
}

// wrongs counts n wrong answers and returns how many there are since the device
// was taken in again.
func (u *unit) wrongs(n int) uint64 {
	all := u.errors.Add(uint64(n))
	u.mu.Lock()
	defer u.mu.Unlock()
	return all - u.forgiven
}

// forgive lets earlier wrong answers not count any more.
func (u *unit) forgive() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.forgiven = u.errors.Load()
}

// noteSearch counts hashes, the hits among them, and those that were to be expected.
func (u *unit) noteSearch(hashes uint64, hits int, expected float64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.nonces += hashes
	u.hits += uint64(hits)
	u.expected += expected
}

// revive waits until the device is in use, or until it is lost or ctx ends. It
// tries to take a dead device that can do that into use again. It reports whether
// the device is in use.
func (u *unit) revive(ctx context.Context) bool {
	device, reopens := u.device.(Reopener)
	for {
		state, changed := u.look()
		switch {
		case state == OK:
			return true
		case ctx.Err() != nil, state == Dead && u.isLost():
			return false
		case state == Dead && reopens:
			u.reopen(ctx, device)
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// reopen tries to take a dead device into use again, until it works or is lost,
// or ctx ends.
func (u *unit) reopen(ctx context.Context, device Reopener) {
	select {
	case u.reviving <- struct{}{}:
		defer func() { <-u.reviving }()
	case <-ctx.Done():
		return
	}
	for u.is(Dead) && !u.isLost() {
		select {
		case <-time.After(u.backOff()):
		case <-ctx.Done():
			return
		}
		if err := device.Reopen(ctx); errors.Is(err, ErrLost) {
			u.lose(err)
			return
		} else if err != nil {
			u.log.Warn("device cannot be used again yet", "device", u.info.ID, "reason", err.Error())
			continue
		}
		u.comeBack(Dead)
	}
}

// backOff returns how long to wait before the next try.
func (u *unit) backOff() time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.revived.IsZero() && time.Since(u.revived) > longestPause {
		u.pause = firstPause
	}
	u.revived = time.Time{}
	wait := u.pause
	u.pause = min(2*u.pause, longestPause)
	return wait
}

// comeBack makes a device that is in state from one that is used.
func (u *unit) comeBack(from State) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.state != from {
		return
	}
	u.state, u.reason, u.revived = OK, "", time.Now()
	u.in, u.out = context.WithCancel(context.Background())
	u.tellChange()
	u.log.Warn("device is used again", "device", u.info.ID)
}

func (u *unit) status() DeviceStatus {
	u.mu.Lock()
	defer u.mu.Unlock()
	reason := u.reason
	if u.now() == Resting {
		reason = u.rest
	}
	return DeviceStatus{
		Info:           u.info,
		State:          u.now(),
		Reason:         reason,
		Lost:           u.lost,
		Nonces:         u.nonces,
		Headers:        u.headers.Load(),
		HardwareErrors: u.errors.Load(),
		Hits:           u.hits,
		ExpectedHits:   u.expected,
	}
}

// why says in one phrase why the device is not used.
func (u *unit) why() string {
	s := u.status()
	return fmt.Sprintf("%s is %s: %s", s.Info.ID, s.State, s.Reason)
}

// bound returns ctx, ended also when the device is put aside or when limit has
// passed.
func (u *unit) bound(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	u.mu.Lock()
	in := u.in
	u.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, limit)
	if in.Err() != nil {
		cancel()
	}
	stop := context.AfterFunc(in, cancel)
	return ctx, func() { stop(); cancel() }
}

// rate is a smoothed speed in items per second. Its zero value is unknown.
type rate struct {
	mu    sync.Mutex
	value float64
}

// note adds a measurement. A piece smaller than the full one that the device
// would be given by its speed, as at the end of a range, says little and
// counts little.
func (r *rate) note(items uint64, took, full time.Duration) {
	if items == 0 {
		return
	}
	seen := float64(items) / max(took, time.Microsecond).Seconds()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.value == 0 {
		r.value = seen
		return
	}
	weight := min(float64(items)/(r.value*full.Seconds()), 1) / 2
	r.value += weight * (seen - r.value)
}

// perSecond returns the speed, or guess if none was measured.
func (r *rate) perSecond(guess float64) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.value == 0 {
		return guess
	}
	return r.value
}
