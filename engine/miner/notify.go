package miner

import (
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notify tells systemd something (sd_notify(3)). Without systemd it does
// nothing.
func notify(state string) { _, _ = daemon.SdNotify(false, state) }

// watchdogWanted reports whether systemd wants to be told that all is well.
func watchdogWanted() bool {
	interval, err := daemon.SdWatchdogEnabled(false)
	return err == nil && interval > time.Duration(0)
}
