package miner

import (
	"errors"
	"log/slog"

	"stele/engine"
	"stele/engine/miner/health"
)

// Options are what a miner is made of.
type Options struct {
	Engine  *engine.Engine // it stays the caller's
	Sources []Source       // in order of preference; their names differ
	Log     *slog.Logger   // nil is silent
	Version string         // of the program, for Status

	// Sensors reads the sensors of the device with a UUID. Nil: there are none.
	// It is called by one goroutine.
	Sensors func(uuid string) (Sensors, error)
	Limits  health.Limits
	Hooks   health.Hooks
}

// ErrNoSource says that there is no source of work, or that all refuse this
// miner.
var ErrNoSource = errors.New("no source of work")
