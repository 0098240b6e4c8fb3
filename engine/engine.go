package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Errors of an engine, to be tested with errors.Is.
var (
	ErrNoDevice = errors.New("no device left") // with the reason of each
	ErrClosed   = errors.New("engine is closed")
	ErrRange    = errors.New("nonce range too long")
	ErrLength   = errors.New("wrong length of headers")
)

// A device that gave wrongAnswers wrong hits is sick. A device that finishes
// nothing for stallAfter is sick too.
const (
	wrongAnswers = 3
	stallAfter   = 30 * time.Second
)

// Engine drives devices. Its methods may be called from several goroutines at
// once; the calls then share the devices.
type Engine struct {
	units []*unit
	log   *slog.Logger

	searching, verifying tuning
	stall                time.Duration

	begun func(Job) // may be nil

	mu     sync.RWMutex // held for reading by every call
	closed bool
}

// New returns an engine that owns the devices and closes them in the end. It
// logs when a device is put aside. A nil log is silent.
func New(devices []Device, log *slog.Logger) *Engine {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{log: log, searching: searching, verifying: verifying, stall: stallAfter}
	for _, d := range devices {
		e.units = append(e.units, newUnit(d, log))
	}
	return e
}

// OnBegin sets a function that Mine calls when every lane of the devices in use
// has begun with a job that came in on its channel. It must be quick, and not call the engine.
// To be set before Mine is called.
func (e *Engine) OnBegin(begun func(Job)) { e.begun = begun }

// Close waits for the calls under way, closes the devices and returns their
// errors. Later calls return [ErrClosed].
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	var errs []error
	for _, u := range e.units {
		u.leave()
		if err := u.device.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", u.info.ID, err))
		}
	}
	return errors.Join(errs...)
}

// enter starts a call, which ends with e.mu.RUnlock.
func (e *Engine) enter() error {
	e.mu.RLock()
	if e.closed {
		e.mu.RUnlock()
		return ErrClosed
	}
	return nil
}

// Status tells how each device does, in the order in which New got them.
func (e *Engine) Status() []DeviceStatus {
	all := make([]DeviceStatus, len(e.units))
	for i, u := range e.units {
		all[i] = u.status()
	}
	return all
}

// noDevice returns ErrNoDevice with the reason of each device.
func (e *Engine) noDevice() error {
	if len(e.units) == 0 {
		return fmt.Errorf("%w: the engine was given none", ErrNoDevice)
	}
	var reasons []string
	for _, u := range e.units {
		reasons = append(reasons, u.why())
	}
	return fmt.Errorf("%w: %s", ErrNoDevice, strings.Join(reasons, "; "))
}

// Share is what a device did of a call.
type Share struct {
	Device string `json:"device"` // its ID
	Items  uint64 `json:"items"`  // hashes or headers
}

// shares returns what was taken from each device.
func (f *feed) shares() []Share {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]Share, len(f.units))
	for i, u := range f.units {
		all[i] = Share{u.info.ID, f.done[u]}
	}
	return all
}
