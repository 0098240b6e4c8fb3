package engine

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// State tells whether a device is used.
type State string

// The states of a device. There is no way back from Sick. A dead device that is
// a [Reopener] is tried again.
const (
	OK   State = "ok"
	Sick State = "sick" // it gave wrong answers: nothing it says is trusted
	Dead State = "dead" // it failed: what it said before holds
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
	Reason         string `json:"reason,omitempty"` // why it is sick or dead
	Nonces         uint64 `json:"nonces"`           // nonces finished, once for each version: hashes
	Headers        uint64 `json:"headers"`          // headers checked
	HardwareErrors uint64 `json:"hardware_errors"`  // wrong hits and wrong verdicts
}

// unit is a device in the hands of the engine.
type unit struct {
	device Device
	info   Info
	log    *slog.Logger

	reviving chan struct{} // holds an element while somebody tries

	mu      sync.Mutex // guards what follows, up to the counts
	state   State
	reason  string
	in      context.Context // ends when the device is put aside, and what it is doing with it
	out     context.CancelFunc
	pause   time.Duration // to wait before the next try
	revived time.Time     // when the device came back

	nonces, headers, errors atomic.Uint64

	searching, verifying rate // speed of one lane
}

func newUnit(d Device, log *slog.Logger) *unit {
	u := &unit{device: d, info: d.Info(), log: log, state: OK, reviving: make(chan struct{}, 1), pause: firstPause}
	u.info.Lanes = max(u.info.Lanes, 1)
	u.in, u.out = context.WithCancel(context.Background())
	return u
}

// is reports whether the device is in state s.
func (u *unit) is(s State) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.state == s
}

// putAside takes the device out of use. Dead can become Sick, since a wrong
// answer also spoils earlier ones; otherwise the first reason stays.
func (u *unit) putAside(s State, reason string) {
	u.mu.Lock()
	if u.state == OK || u.state == Dead && s == Sick {
		u.state, u.reason = s, reason
		u.log.Warn("device put aside", "device", u.info.ID, "state", string(s), "reason", reason)
	}
	u.mu.Unlock()
	u.leave()
}

// leave ends what the device is doing.
func (u *unit) leave() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.out()
}

// revive tries to take a dead device into use again, until it works or ctx
// ends. It reports whether the device is in use.
func (u *unit) revive(ctx context.Context) bool {
	device, ok := u.device.(Reopener)
	if !ok {
		return false
	}
	select {
	case u.reviving <- struct{}{}:
		defer func() { <-u.reviving }()
	case <-ctx.Done():
		return false
	}
	for u.is(Dead) {
		select {
		case <-time.After(u.backOff()):
		case <-ctx.Done():
			return false
		}
		if err := device.Reopen(ctx); err != nil {
			u.log.Warn("device cannot be used again yet", "device", u.info.ID, "reason", err.Error())
			continue
		}
		u.comeBack()
	}
	return u.is(OK)
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

// comeBack makes a dead device one that is used.
func (u *unit) comeBack() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.state != Dead {
		return
	}
	u.state, u.reason, u.revived = OK, "", time.Now()
	u.in, u.out = context.WithCancel(context.Background())
	u.log.Warn("device is used again", "device", u.info.ID)
}

func (u *unit) status() DeviceStatus {
	u.mu.Lock()
	defer u.mu.Unlock()
	return DeviceStatus{
		Info:           u.info,
		State:          u.state,
		Reason:         u.reason,
		Nonces:         u.nonces.Load(),
		Headers:        u.headers.Load(),
		HardwareErrors: u.errors.Load(),
	}
}

// why says in one phrase why the device is not used.
func (u *unit) why() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return fmt.Sprintf("%s is %s: %s", u.info.ID, u.state, u.reason)
}

// bound returns ctx, ended also when the device is put aside or when limit has
// passed.
func (u *unit) bound(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	u.mu.Lock()
	in := u.in
	u.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, limit)
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
