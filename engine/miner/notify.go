package miner

import (
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notify tells systemd something (sd_notify(3)). Without systemd it does
// nothing.
func notify(state string) { _, _ = daemon.SdNotify(false, state) }

// watchdogTimes tells when systemd is to be told that all is well, which is twice
// in the time after which it would end the program (sd_watchdog_enabled(3)). Nil:
// it does not want to know.
func watchdogTimes() (times <-chan time.Time, stop func()) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval/2 <= 0 {
		return nil, func() {}
	}
	ticker := time.NewTicker(interval / 2)
	return ticker.C, ticker.Stop
}
