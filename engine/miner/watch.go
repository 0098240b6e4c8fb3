package miner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"stele/engine"
	"stele/engine/miner/health"
	"stele/internal/rate"
)

const (
	tickEvery  = time.Second
	senseEvery = 2 * time.Second
)

// watch ticks each second, and reports to systemd.
func (m *Miner) watch(ctx context.Context) {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	watchdog, stop := m.watchdogTimes()
	defer stop()
	var healthy bool
	var reported string
	check := func() {
		all, now := m.Engine.Status(), time.Now()
		healthy = m.tick(all, now)
		if s := m.headline(all, now); s != reported {
			reported = s
			m.notify("STATUS=" + s)
		}
	}
	check()
	for {
		select {
		case <-ticker.C:
			check()
		case <-watchdog:
			if healthy {
				m.notify("WATCHDOG=1")
			}
		case <-ctx.Done():
			return
		}
	}
}

// tick counts, checks the devices and checks the sources. It reports whether the
// miner is healthy: one without work is, and so is one that tries to get its
// devices back, for a while.
func (m *Miner) tick(all []engine.DeviceStatus, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	var sum progress
	for i, s := range all {
		d := m.devices[i]
		d.counted.Add(now, nonces(s.Nonces))
		sum.nonces += nonces(s.Nonces)
		sum.hits += s.Hits
		sum.expected += s.ExpectedHits
		m.observe(d, s, now, m.assigned != nil)
		m.checkLimits(d, now)
		if m.noDevice && s.State == engine.OK {
			m.noDevice = false
		}
	}
	m.counted.Add(now, sum.nonces)
	m.progress.Add(now, sum)
	estimate := estimateRate(m.progress.Over(now, estimateWindow))
	if estimate.Disagrees && !m.estimate.Disagrees {
		m.Log.Error("hash rate implied by shares differs from measured hash rate",
			"shares", estimate.Shares, "counted", rate.PerSecond(m.counted.Over(now, estimateWindow)), "low", estimate.Low, "high", estimate.High)
	}
	m.estimate = estimate

	m.reapLeaving(now)
	m.expireIdleSessions(now)
	m.reselect()
	m.checkLost(all)
	m.checkDevices()
	if m.assigned != m.current {
		m.changed.Wake()
	}
	if state, _ := m.state(all, now); state != Stalled {
		m.stalled = time.Time{}
		return true
	}
	if m.stalled.IsZero() {
		m.stalled = now
	}
	return now.Sub(m.stalled) < m.times.patience
}

// checkDevices ends the miner if no device can ever work again.
func (m *Miner) checkDevices() {
	if m.broken != nil || slices.ContainsFunc(m.devices, func(d *device) bool { return !d.machine.IsGivenUp() }) {
		return
	}
	var reasons []string
	for _, d := range m.devices {
		_, reason := d.machine.State()
		reasons = append(reasons, d.info.ID+": "+reason)
	}
	m.broken = fmt.Errorf("%w: gave up on all: %s", engine.ErrNoDevice, strings.Join(reasons, "; "))
	if len(m.devices) == 0 {
		m.broken = fmt.Errorf("%w: the engine has none", engine.ErrNoDevice)
	}
	m.changed.Wake()
}

// checkLost ends the miner if all devices of a kind are lost: then the driver is
// lost to the process, and the kind that is left may be much slower.
func (m *Miner) checkLost(all []engine.DeviceStatus) {
	lost, left := map[string][]string{}, map[string]bool{}
	for _, s := range all {
		if s.Lost {
			reason := strings.TrimPrefix(s.Reason, engine.ErrLost.Error()+": ")
			lost[s.Info.Kind] = append(lost[s.Info.Kind], s.Info.ID+": "+reason)
		} else {
			left[s.Info.Kind] = true
		}
	}
	for kind, reasons := range lost {
		if !left[kind] && m.broken == nil {
			m.broken = fmt.Errorf("%w: %s", engine.ErrLost, strings.Join(reasons, "; "))
			m.changed.Wake()
		}
	}
}

// sense reads the sensors, in a goroutine of its own since a driver may hang.
func (m *Miner) sense(ctx context.Context) {
	ticker := time.NewTicker(senseEvery)
	defer ticker.Stop()
	failed := map[string]bool{}
	for {
		for _, d := range m.devices {
			got, isThere, err := m.readSensors(d.info)
			if !isThere {
				continue
			}
			if id := d.info.ID; failed[id] != (err != nil) {
				failed[id] = err != nil
				m.Log.Warn("sensor readability changed", "device", id, "readable", err == nil, "err", errors.Join(err))
			}
			if err != nil {
				got = Sensors{} // all unknown
			} else {
				got = d.gauge.complete(got, time.Now())
			}
			m.setSensors(d, got)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// readSensors reads the sensors of a device; false if it has none.
func (m *Miner) readSensors(d engine.Info) (_ Sensors, isThere bool, err error) {
	switch {
	case d.UUID != "" && m.Sensors != nil:
		s, err := m.Sensors(d.UUID)
		return s, true, err
	case d.Threads > 0 && m.CPUEnergy != nil:
		joules, err := m.CPUEnergy()
		return Sensors{Energy: &joules}, true, err
	}
	return Sensors{}, false, nil
}

func (m *Miner) setSensors(d *device, got Sensors) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d.sensors = &got
}

// state returns the state of the miner, and what is wrong.
func (m *Miner) state(all []engine.DeviceStatus, now time.Time) (State, string) {
	resting, usable, quiet := 0, 0, m.times.stall
	var reasons []string
	for i, d := range m.devices {
		state, reason := d.machine.State()
		switch {
		case state == health.Resting:
			resting++
		case all[i].State == engine.OK:
			usable++
			quiet = min(quiet, now.Sub(d.progress))
		}
		switch {
		case reason != "":
			reasons = append(reasons, fmt.Sprintf("%s is %s: %s", d.info.ID, state, reason))
		case all[i].State != engine.OK: // until the next tick
			reasons = append(reasons, fmt.Sprintf("%s is %s: %s", d.info.ID, all[i].State, all[i].Reason))
		}
	}
	trouble := strings.Join(reasons, "; ")
	switch {
	case m.paused:
		return Paused, "paused by the user"
	case resting > 0 && resting == len(m.devices):
		return Paused, trouble
	case m.current == nil:
		return Waiting, "no source has work: " + m.sourceErrors()
	case usable == 0:
		return Stalled, "no device can be used: " + trouble
	case quiet >= m.times.stall:
		return Stalled, fmt.Sprintf("no device has finished a nonce for %v", m.times.stall)
	case trouble != "":
	case m.active != nil && !m.active.connected:
		trouble = m.active.name + " is disconnected, mining its last work: " + m.active.err
	case m.active != nil && m.active.rejections.suspended(now):
		trouble = m.active.name + ": " + m.active.rejections.reason()
	case m.estimate.Disagrees:
		trouble = "hash rate implied by shares differs from measured hash rate"
	}
	return Mining, trouble
}

// headline returns the state in one line, for systemd.
func (m *Miner) headline(all []engine.DeviceStatus, now time.Time) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	state, trouble := m.state(all, now)
	line := string(state)
	if state == Mining && m.active != nil {
		line += " for " + m.active.name
	}
	if trouble != "" {
		line += "; " + trouble
	}
	return strings.Join(strings.Fields(line), " ")
}

// Status returns the status of the miner. It is cheap enough to be called several
// times a second. Safe for concurrent use.
func (m *Miner) Status() Status {
	all := m.Engine.Status()
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	s := Status{
		Version: m.Version, Started: m.started, Now: now,
		Counted: ratesOf(&m.counted, now), Estimated: m.estimate,
		Shares: m.total.status(), JobSwitch: m.switches.status(),
	}
	s.State, s.Trouble = m.state(all, now)
	for i, d := range m.devices {
		state, reason := d.machine.State()
		s.Devices = append(s.Devices, DeviceStatus{
			DeviceStatus: all[i], Health: state, Reason: reason,
			Rates: ratesOf(&d.counted, now), Sensors: d.sensors, Shares: d.shares,
		})
	}
	for _, u := range m.sources {
		reason := u.err
		if reason == "" && u.rejections.suspended(now) {
			reason = u.rejections.reason()
		}
		s.Sources = append(s.Sources, SourceStatus{
			Name: u.name, User: u.source.User(), Connected: u.connected, Active: u == m.active && m.current != nil, Since: u.since,
			Error: reason, Sessions: u.sessions, Jobs: u.jobs, Shares: u.tally.status(), Latency: u.latency.status(),
		})
	}
	if w := m.current; w != nil {
		s.Work = WorkStatus{Source: m.active.name, ID: w.ID, Height: w.Height, Share: w.Target.Difficulty(), Received: w.Received}
		if network, err := w.Header(0, w.Time).Bits.Target(); err == nil {
			s.Work.Network = network.Difficulty()
		}
	}
	return s
}
