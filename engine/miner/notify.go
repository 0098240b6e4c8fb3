package miner

import (
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notify sends a state to systemd (sd_notify(3)). Without systemd, or without
// Options.Systemd, it does nothing.
func (m *Miner) notify(state string) {
	if m.Systemd {
		_, _ = daemon.SdNotify(false, state)
	}
}

// watchdogTimes returns the times at which systemd expects a sign of life: twice
// in the interval after which it would kill the program
// (sd_watchdog_enabled(3)). The channel is nil if systemd expects none.
func (m *Miner) watchdogTimes() (times <-chan time.Time, stop func()) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if !m.Systemd || err != nil || interval/2 <= 0 {
		return nil, func() {}
	}
	ticker := time.NewTicker(interval / 2)
	return ticker.C, ticker.Stop
}
