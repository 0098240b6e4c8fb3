package miner

import (
	"errors"
	"fmt"
	"time"

	"stele/engine"
	"stele/engine/miner/health"
	"stele/internal/rate"
)

// device is a device and how it does. Miner.mu guards it.
type device struct {
	info     engine.Info
	machine  *health.Machine
	counted  rate.Window[nonces]
	nonces   uint64    // at the last look
	progress time.Time // when it last finished some, or had nothing to do
	sensors  *Sensors
	energy   *float64 // what the sensor said first
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

// observe tells the watchdog what the engine says about a device, and does what
// that calls for. Busy says that the device had something to do.
func (m *Miner) observe(d *device, s engine.DeviceStatus, now time.Time, busy bool) {
	finished := s.Nonces != d.nonces
	if finished || !busy || s.State != engine.OK {
		d.nonces, d.progress = s.Nonces, now
	}
	switch quiet := now.Sub(d.progress); {
	case s.State == engine.Sick:
		m.tell(d, now, health.Faulty, s.Reason)
	case s.State == engine.Dead:
		m.tell(d, now, health.Failed, s.Reason)
	case quiet >= m.times.deviceSick:
		m.tell(d, now, health.Faulty, fmt.Sprintf("nothing finished in %v", quiet.Round(time.Second)))
	case finished:
		m.tell(d, now, health.Works, "")
	}
}

// limit tells the watchdog whether a device exceeds a limit.
func (m *Miner) limit(d *device, now time.Time) {
	state, _ := d.machine.State()
	if d.sensors == nil {
		return
	}
	e := health.Cool
	hot, reason := m.Limits.Exceeded(state == health.Resting, d.sensors.Temperature, d.sensors.Power)
	if hot {
		e = health.Hot
	}
	m.tell(d, now, e, reason)
}

// tell tells the watchdog something about a device, and does what that calls
// for.
func (m *Miner) tell(d *device, now time.Time, e health.Event, reason string) {
	before, _ := d.machine.State()
	try := d.machine.Tell(now, e, reason)
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
		m.Log.Info("device changes", "device", id, "from", string(before), "to", string(after), "reason", reason)
		if after != health.OK || before == health.Recovering {
			m.hooks.Device(after, id, reason)
		}
	}
	if try && m.running.Err() == nil {
		m.tasks.Go(func() { m.retry(d) })
	}
}

// retry gives a device another try.
func (m *Miner) retry(d *device) {
	err := m.Engine.Retry(m.running, d.info.ID)
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	switch {
	case err == nil:
		d.progress = now
		m.tell(d, now, health.Passed, "")
	case errors.Is(err, engine.ErrReopening):
		m.tell(d, now, health.Later, "")
	default:
		m.tell(d, now, health.Refused, err.Error())
	}
}
