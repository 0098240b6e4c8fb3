package nvml

import "errors"

// Errors of the functions that change a GPU.
var (
	// ErrNotPermitted means that only root may change the setting.
	ErrNotPermitted = errors.New("not permitted: needs root")
	// ErrNotSupported means that the GPU or the driver does not have the setting.
	ErrNotSupported = errors.New("not supported by this GPU or driver")
	// ErrOutOfRange means that the GPU does not accept the value.
	ErrOutOfRange = errors.New("out of range")
)

// PowerRange has the power limit of a GPU and what it may be, in watts. The limit lasts
// until the driver is unloaded, at the latest when the machine restarts.
type PowerRange struct{ Limit, Default, Min, Max float64 }
