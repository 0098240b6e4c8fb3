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

// A device becomes sick when it has reported maxWrongHits wrong hits, or when a
// call of it finishes nothing in maxStall.
const (
	maxWrongHits = 3
	maxStall     = 30 * time.Second
)

// Engine drives devices. Concurrent calls of its methods share the devices.
// Safe for concurrent use.
type Engine struct {
	units []*unit
	log   *slog.Logger

	searching, verifying tuning
	stall                time.Duration

	onBegin func(Job)         // may be nil
	onPiece func(PieceReport) // may be nil

	mu     sync.RWMutex // held for reading by every call
	closed bool
}

// New returns an engine that owns the devices: [Engine.Close] closes them. It
// logs when a device leaves use or returns. A nil log is silent.
func New(devices []Device, log *slog.Logger) *Engine {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{log: log, searching: searching, verifying: verifying, stall: maxStall}
	for _, d := range devices {
		e.units = append(e.units, newUnit(d, log))
	}
	return e
}

// OnBegin sets a function that [Engine.Mine] calls when every lane of the devices
// in use has begun with a job that it received from its channel. The function
// must be quick and must not call the engine. Call OnBegin before Mine.
func (e *Engine) OnBegin(f func(Job)) { e.onBegin = f }

// PieceReport is the work of one lane of a device on one piece of a search.
type PieceReport struct {
	Device     string // its ID
	Job        Job    // as the engine received it
	Start, End time.Time
	Hashes     uint64 // finished, also if the piece was abandoned
}

// OnPiece sets a function that the engine calls after each piece of [Engine.Search] and
// [Engine.Mine], on the lane that did it. The function must be quick, safe for
// concurrent use, and must not call the engine. Call OnPiece before these methods.
func (e *Engine) OnPiece(f func(PieceReport)) { e.onPiece = f }

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
		u.close()
		if err := u.device.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", u.info.ID, err))
		}
	}
	return errors.Join(errs...)
}

// enter starts a call. The caller must end it with e.mu.RUnlock unless there is
// an error.
func (e *Engine) enter() error {
	e.mu.RLock()
	if e.closed {
		e.mu.RUnlock()
		return ErrClosed
	}
	return nil
}

// Status returns the state and the counts of each device, in the order in which
// New received them.
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
		return fmt.Errorf("%w: the engine has none", ErrNoDevice)
	}
	var reasons []string
	for _, u := range e.units {
		reasons = append(reasons, u.why())
	}
	return fmt.Errorf("%w: %s", ErrNoDevice, strings.Join(reasons, "; "))
}

// DeviceWork is the part of a call that one device did.
type DeviceWork struct {
	Device string `json:"device"` // its ID
	Items  uint64 `json:"items"`  // hashes or headers
}
