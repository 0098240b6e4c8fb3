//go:build !linux || !cuda || !cgo

package nvml

import "fmt"

// errBuild is the error of this build.
var errBuild = fmt.Errorf("%w: this binary was built without CUDA", ErrAbsent)

// Read reports that there are no sensors.
func Read(string) (Reading, error) {
	return Reading{}, errBuild
}

// Driver reports that there is no driver.
func Driver() (string, error) {
	return "", errBuild
}

// Processes reports that processes cannot be counted.
func Processes(string) (int, error) {
	return 0, errBuild
}

// Power reports that there is no power limit.
func Power(string) (PowerRange, error) { return PowerRange{}, errBuild }

// SetPowerLimit reports that there is no power limit.
func SetPowerLimit(string, float64) error { return errBuild }

// MaxClock reports that there is no clock.
func MaxClock(string) (uint32, error) { return 0, errBuild }

// LockClock reports that there is no clock.
func LockClock(string, uint32) error { return errBuild }

// UnlockClock reports that there is no clock.
func UnlockClock(string) error { return errBuild }
