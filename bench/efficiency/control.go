package efficiency

import (
	"errors"
	"fmt"

	"stele/cgo/nvml"
)

// Control changes the limits of GPUs by their UUID: see the functions of package nvml.
type Control interface {
	Power(uuid string) (nvml.PowerRange, error)
	SetPowerLimit(uuid string, watts float64) error
	MaxClock(uuid string) (mhz uint32, err error)
	LockClock(uuid string, mhz uint32) error
	UnlockClock(uuid string) error
}

// NVML is the [Control] of the driver.
type NVML struct{}

func (NVML) Power(uuid string) (nvml.PowerRange, error)     { return nvml.Power(uuid) }
func (NVML) SetPowerLimit(uuid string, watts float64) error { return nvml.SetPowerLimit(uuid, watts) }
func (NVML) MaxClock(uuid string) (uint32, error)           { return nvml.MaxClock(uuid) }
func (NVML) LockClock(uuid string, mhz uint32) error        { return nvml.LockClock(uuid, mhz) }
func (NVML) UnlockClock(uuid string) error                  { return nvml.UnlockClock(uuid) }

// Saved is what a sweep must restore of a GPU.
type Saved struct {
	Device     string  `json:"device"` // ID, for people
	UUID       string  `json:"uuid"`
	PowerLimit float64 `json:"power_limit_w,omitempty"` // 0: the sweep does not change it
	Clock      bool    `json:"clock,omitempty"`         // the sweep locks it
}

// save returns what a sweep must restore of a GPU of which it changes the power limit,
// the clock, or both.
func save(control Control, change Change) (Saved, error) {
	s := Saved{Device: change.Device, UUID: change.UUID, Clock: change.Clock}
	if !change.PowerLimit {
		return s, nil
	}
	r, err := control.Power(change.UUID)
	if err == nil && r.Limit <= 0 {
		err = fmt.Errorf("power limit %v W: %w", r.Limit, nvml.ErrOutOfRange)
	}
	if err != nil {
		return s, fmt.Errorf("%s: %w", change.Device, err)
	}
	s.PowerLimit = r.Limit
	return s, nil
}

// restore restores GPUs, all that it can. The error names those that it could not.
func restore(control Control, all []Saved) error {
	var errs []error
	for _, s := range all {
		if s.PowerLimit > 0 {
			if err := control.SetPowerLimit(s.UUID, s.PowerLimit); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", s.Device, err))
			}
		}
		if s.Clock {
			if err := control.UnlockClock(s.UUID); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", s.Device, err))
			}
		}
	}
	return errors.Join(errs...)
}

// String describes what is restored, for people.
func (s Saved) String() string {
	switch {
	case s.PowerLimit > 0 && s.Clock:
		return fmt.Sprintf("%s: %g W, clock unlocked", s.Device, s.PowerLimit)
	case s.PowerLimit > 0:
		return fmt.Sprintf("%s: %g W", s.Device, s.PowerLimit)
	}
	return s.Device + ": clock unlocked"
}
