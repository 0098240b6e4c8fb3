package miner

import (
	"errors"
	"fmt"
	"time"

	"stele/engine"
	"stele/engine/miner/health"
	"stele/internal/rate"
)

// device is a device as the miner sees it. Miner.mu guards it.
type device struct {
	info     engine.Info
	machine  *health.Machine
	counted  rate.Window[nonces]
	nonces   uint64    // at the last tick
	progress time.Time // when it last finished some, or had nothing to do
	sensors  *Sensors
	gauge    gauge // only sense uses it
	shares   uint64
}

func newDevice(info engine.Info, now time.Time, rules health.Rules) *device {
	return &device{
		info:     info,
		machine:  health.NewMachine(now, rules),
		counted:  newCounted(),
		progress: now,
	}
}

// observe reports to the watchdog what the engine says about a device. Busy says
// that the device had work.
func (m *Miner) observe(d *device, s engine.DeviceStatus, now time.Time, busy bool) {
	finished := s.Nonces != d.nonces
	if finished || !busy || s.State != engine.OK {
		d.nonces, d.progress = s.Nonces, now
	}
	switch quiet := now.Sub(d.progress); {
	case s.State == engine.Sick:
		m.handleEvent(d, now, health.Faulty, s.Reason)
	case s.State == engine.Dead:
		m.handleEvent(d, now, health.Failed, s.Reason)
	case quiet >= m.times.deviceSick:
		m.handleEvent(d, now, health.Faulty, fmt.Sprintf("nothing finished in %v", quiet.Round(time.Second)))
	case finished:
		m.handleEvent(d, now, health.Progress, "")
	}
}

// checkLimits reports to the watchdog whether a device exceeds a limit.
func (m *Miner) checkLimits(d *device, now time.Time) {
	state, _ := d.machine.State()
	if d.sensors == nil {
		return
	}
	e := health.Cool
	hot, reason := m.Limits.Exceeded(state == health.Resting, d.sensors.Temperature, d.sensors.Power)
	if hot {
		e = health.Hot
	}
	m.handleEvent(d, now, e, reason)
}

// handleEvent passes an event to the watchdog of a device, and does what the new
// state calls for.
func (m *Miner) handleEvent(d *device, now time.Time, e health.Event, reason string) {
	before, _ := d.machine.State()
	try := d.machine.Handle(now, e, reason)
	after, reason := d.machine.State()
	id := d.info.ID
	switch {
	case before == after:
	case after == health.Resting:
		_ = m.Engine.Rest(id, reason) // the engine knows its devices
	case before == health.Resting:
		_ = m.Engine.Wake(id)
	}
	if before != after {
		m.Log.Info("device health changed", "device", id, "from", string(before), "to", string(after), "reason", reason)
		if after != health.OK || before == health.Recovering {
			m.hooks.Device(after, id, reason)
		}
	}
	if try && m.running.Err() == nil {
		m.tasks.Go(func() { m.retry(d) })
	}
}

// retry tests a device, and uses it again if it passes.
func (m *Miner) retry(d *device) {
	err := m.Engine.Retry(m.running, d.info.ID)
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	switch {
	case err == nil:
		d.progress = now
		m.handleEvent(d, now, health.TrialPassed, "")
	case errors.Is(err, engine.ErrReopening):
		m.handleEvent(d, now, health.TrialDeferred, "")
	default:
		m.handleEvent(d, now, health.TrialFailed, err.Error())
	}
}
