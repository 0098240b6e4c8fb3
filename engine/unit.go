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

// State reports whether a device is in use.
type State string

// The states of a device. A sick one stays out of use until [Engine.Retry]
// returns it. A dead one that is a [Reopener] is reopened automatically.
const (
	OK      State = "ok"
	Sick    State = "sick"    // it gave wrong answers: none of its results is trusted
	Dead    State = "dead"    // it failed: its earlier results hold
	Resting State = "resting" // by [Engine.Rest], until [Engine.Wake]
)

// Bounds of the pause before a dead device is reopened. The pause doubles with
// each failure until the device has worked for maxPause.
const (
	minPause = time.Second
	maxPause = 5 * time.Minute
)

// DeviceStatus describes a device and its work so far. The counts only grow.
// They count what the hardware did, including answers that were discarded.
type DeviceStatus struct {
	Info           Info   `json:"info"`
	State          State  `json:"state"`
	Reason         string `json:"reason,omitempty"` // why it is not OK
	Lost           bool   `json:"lost,omitempty"`   // only a new process can use it again, see [ErrLost]
	Nonces         uint64 `json:"nonces"`           // hashes: nonces finished, once for each version
	Headers        uint64 `json:"headers"`          // headers checked
	HardwareErrors uint64 `json:"hardware_errors"`  // wrong hits and wrong verdicts

	// Hits counts the hits among all Nonces, and ExpectedHits is the number to
	// expect from the targets of the jobs. For a device that reports all hits,
	// Hits is a Poisson variable with that mean.
	Hits         uint64  `json:"hits"`
	ExpectedHits float64 `json:"expected_hits"`

	// Idle is the time in which calls of the engine had work and no lane of the
	// device had a piece of it: between pieces, and at the end of a search or a
	// batch, when other devices have the last pieces.
	Idle time.Duration `json:"-"`
}

// unit is a device and what the engine knows of it.
type unit struct {
	device Device
	info   Info
	log    *slog.Logger

	reopening chan struct{} // holds an element while a goroutine reopens the device

	mu           sync.Mutex // guards the fields up to idle
	state        State      // never Resting
	reason       string
	rest         string          // why the device rests; "" if it does not
	lost         bool            // Reopen has returned ErrLost
	sickness     uint64          // how often the device became sick
	forgiven     uint64          // wrong answers before the last return to use
	stateChanged chan struct{}   // closed, and replaced, when the state changes
	inUse        context.Context // of all calls of the device; ends when it leaves use
	stopUse      context.CancelFunc
	pause        time.Duration // before the device is next reopened
	reopened     time.Time     // when the device last returned to use
	nonces       uint64        // finished, once for each version
	hits         uint64        // among nonces
	expected     float64       // hits among nonces
	idle         time.Duration // see DeviceStatus.Idle

	headers, errors atomic.Uint64

	searching, verifying speed // of one lane
}

func newUnit(d Device, log *slog.Logger) *unit {
	u := &unit{
		device: d, info: d.Info(), log: log,
		state: OK, stateChanged: make(chan struct{}),
		reopening: make(chan struct{}, 1), pause: minPause,
	}
	u.info.Lanes = max(u.info.Lanes, 1)
	u.inUse, u.stopUse = context.WithCancel(context.Background())
	return u
}

// inState reports whether the device is in state s.
func (u *unit) inState(s State) bool {
	state, _ := u.snapshot()
	return state == s
}

// snapshot returns the state, and a channel that is closed when it changes.
func (u *unit) snapshot() (State, <-chan struct{}) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.stateLocked(), u.stateChanged
}

// stateLocked returns the state. The caller must hold u.mu.
func (u *unit) stateLocked() State {
	if u.state == OK && u.rest != "" {
		return Resting
	}
	return u.state
}

// stopLocked ends all calls of the device. The caller must hold u.mu.
func (u *unit) stopLocked() {
	u.stopUse()
	u.stateChangedLocked()
}

// startLocked allows calls of the device again. The caller must hold u.mu.
func (u *unit) startLocked() {
	u.inUse, u.stopUse = context.WithCancel(context.Background())
	u.stateChangedLocked()
}

func (u *unit) stateChangedLocked() {
	close(u.stateChanged)
	u.stateChanged = make(chan struct{})
}

// disable takes the device out of use. Dead can become Sick, because a wrong
// answer also spoils earlier ones; Sick never becomes Dead. Otherwise the first
// reason stays.
func (u *unit) disable(s State, reason string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.state == OK || u.state == Dead && s == Sick {
		u.state, u.reason = s, reason
		if s == Sick {
			u.sickness++
		}
		u.log.Warn("device disabled", "device", u.info.ID, "state", string(s), "reason", reason)
	}
	u.stopLocked()
}

// enable returns a device in state from to use. In another state it does
// nothing.
func (u *unit) enable(from State) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.state != from {
		return
	}
	u.state, u.reason, u.reopened = OK, "", time.Now()
	u.startLocked()
	u.log.Warn("device enabled", "device", u.info.ID)
}

// close ends all calls of the device, because its engine is closed.
func (u *unit) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stopLocked()
}

// setRest lets the device rest for a reason, or with "" work again.
func (u *unit) setRest(reason string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	before := u.stateLocked()
	u.rest = reason
	switch now := u.stateLocked(); {
	case now == before:
	case now == Resting:
		u.log.Info("device paused", "device", u.info.ID, "reason", reason)
		u.stopLocked()
	default:
		u.log.Info("device resumed", "device", u.info.ID)
		u.startLocked()
	}
}

// mayReturn reports whether the device is in use, rests, or is reopened
// automatically.
func (u *unit) mayReturn() bool {
	switch state, _ := u.snapshot(); state {
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

// setLost notes that Reopen has returned err, of the kind ErrLost.
func (u *unit) setLost(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.lost {
		u.lost, u.reason = true, err.Error()
		u.log.Warn("device lost", "device", u.info.ID, "err", err)
	}
}

// sickCount returns how often the device became sick.
func (u *unit) sickCount() uint64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.sickness
}

// addWrong counts n wrong answers and returns their number since the device
// last returned to use.
func (u *unit) addWrong(n int) uint64 {
	all := u.errors.Add(uint64(n))
	u.mu.Lock()
	defer u.mu.Unlock()
	return all - u.forgiven
}

// forgive makes addWrong count from 0 again.
func (u *unit) forgive() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.forgiven = u.errors.Load()
}

// addSearch counts hashes, the hits among them, and the hits to expect of them.
func (u *unit) addSearch(hashes uint64, hits int, expected float64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.nonces += hashes
	u.hits += uint64(hits)
	u.expected += expected
}

// addIdle counts time without a piece.
func (u *unit) addIdle(d time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.idle += d
}

// awaitUse waits until the device is in use, until it is lost, or until ctx
// ends, and reports whether the device is in use. It reopens a dead device if
// that is a Reopener.
func (u *unit) awaitUse(ctx context.Context) bool {
	device, isReopener := u.device.(Reopener)
	for {
		state, changed := u.snapshot()
		switch {
		case state == OK:
			return true
		case ctx.Err() != nil, state == Dead && u.isLost():
			return false
		case state == Dead && isReopener:
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

// reopen reopens a dead device, again and again until that succeeds, the device
// is lost, or ctx ends. Concurrent calls wait for each other.
func (u *unit) reopen(ctx context.Context, device Reopener) {
	select {
	case u.reopening <- struct{}{}:
		defer func() { <-u.reopening }()
	case <-ctx.Done():
		return
	}
	for u.inState(Dead) && !u.isLost() {
		select {
		case <-time.After(u.backOff()):
		case <-ctx.Done():
			return
		}
		if err := device.Reopen(ctx); errors.Is(err, ErrLost) {
			u.setLost(err)
			return
		} else if err != nil {
			u.log.Warn("device not reopened", "device", u.info.ID, "err", err)
			continue
		}
		u.enable(Dead)
	}
}

// backOff returns the pause before the device is next reopened.
func (u *unit) backOff() time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.reopened.IsZero() && time.Since(u.reopened) > maxPause {
		u.pause = minPause
	}
	u.reopened = time.Time{}
	wait := u.pause
	u.pause = min(2*u.pause, maxPause)
	return wait
}

func (u *unit) status() DeviceStatus {
	u.mu.Lock()
	defer u.mu.Unlock()
	state, reason := u.stateLocked(), u.reason
	if state == Resting {
		reason = u.rest
	}
	return DeviceStatus{
		Info:           u.info,
		State:          state,
		Reason:         reason,
		Lost:           u.lost,
		Nonces:         u.nonces,
		Headers:        u.headers.Load(),
		HardwareErrors: u.errors.Load(),
		Hits:           u.hits,
		ExpectedHits:   u.expected,
		Idle:           u.idle,
	}
}

// why explains in one phrase why the device is not in use.
func (u *unit) why() string {
	s := u.status()
	return fmt.Sprintf("%s is %s: %s", s.Info.ID, s.State, s.Reason)
}

// callContext returns a context for one call of the device. It ends with ctx,
// when the device leaves use, and after limit.
func (u *unit) callContext(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	u.mu.Lock()
	inUse := u.inUse
	u.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, limit)
	if inUse.Err() != nil {
		cancel()
	}
	stop := context.AfterFunc(inUse, cancel)
	return ctx, func() { stop(); cancel() }
}
