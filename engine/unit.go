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

// The states of a device. There is no way back from Sick or Dead.
const (
	OK   State = "ok"
	Sick State = "sick" // it gave wrong answers: nothing it says is trusted
	Dead State = "dead" // it failed: what it said before holds
)

// DeviceStatus is what is known of a device. The counts only grow. They tell
// what the hardware has done, also where its answers were then thrown away.
type DeviceStatus struct {
	Info           Info   `json:"info"`
	State          State  `json:"state"`
	Reason         string `json:"reason,omitempty"` // why it is sick or dead
	Nonces         uint64 `json:"nonces"`           // nonces finished
	Headers        uint64 `json:"headers"`          // headers checked
	HardwareErrors uint64 `json:"hardware_errors"`  // wrong hits and wrong verdicts
}

// unit is a device in the hands of the engine.
type unit struct {
	device Device
	info   Info
	log    *slog.Logger

	// in ends when the device is put aside, and cancels what it is doing.
	in  context.Context
	out context.CancelFunc

	mu     sync.Mutex // guards state and reason
	state  State
	reason string

	nonces, headers, errors atomic.Uint64

	searching, verifying rate // speed of one lane
}

func newUnit(d Device, log *slog.Logger) *unit {
	u := &unit{device: d, info: d.Info(), log: log, state: OK}
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
	u.out()
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
	ctx, cancel := context.WithTimeout(ctx, limit)
	stop := context.AfterFunc(u.in, cancel)
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
