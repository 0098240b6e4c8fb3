//go:build linux && cuda && cgo

package nvml

import (
	"fmt"
	"math"
	"strings"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// controls are the functions of a device that change it.
type controls interface {
	GetPowerManagementLimit() (uint32, nvml.Return)
	GetPowerManagementDefaultLimit() (uint32, nvml.Return)
	GetPowerManagementLimitConstraints() (uint32, uint32, nvml.Return)
	SetPowerManagementLimit(uint32) nvml.Return
	GetMaxClockInfo(nvml.ClockType) (uint32, nvml.Return)
	SetGpuLockedClocks(uint32, uint32) nvml.Return
	ResetGpuLockedClocks() nvml.Return
}

// whole returns the GPU with this UUID. A MIG slice has no settings of its own.
func whole(uuid string) (controls, error) {
	if err := start(); err != nil {
		return nil, err
	}
	if strings.HasPrefix(uuid, "MIG-") {
		return nil, fmt.Errorf("%w: a MIG slice has the power and the clock of its GPU", ErrNotSupported)
	}
	device, ret := nvml.DeviceGetHandleByUUID(uuid)
	if ret != nvml.SUCCESS {
		return nil, fmt.Errorf("%w: GPU %s: %s", ErrAbsent, uuid, say(ret))
	}
	return device, nil
}

// failed returns the error of a return code; nil for success.
func failed(ret nvml.Return) error {
	switch ret {
	case nvml.SUCCESS:
		return nil
	case nvml.ERROR_NO_PERMISSION:
		return ErrNotPermitted
	case nvml.ERROR_NOT_SUPPORTED, nvml.ERROR_FUNCTION_NOT_FOUND:
		return ErrNotSupported
	case nvml.ERROR_INVALID_ARGUMENT:
		return fmt.Errorf("%w: %s", ErrOutOfRange, say(ret))
	}
	return fmt.Errorf("%w: %s", ErrAbsent, say(ret))
}

// call calls a function of the library, if the library has it.
func call(has func(function string) bool, function string, f func() nvml.Return) error {
	if !has(function) {
		return fmt.Errorf("%w: the driver has no %s", ErrNotSupported, function)
	}
	return failed(f())
}

// Power returns the power limit of the GPU with this UUID and its range. Errors:
// [ErrAbsent], [ErrNotSupported], [ErrNotPermitted].
func Power(uuid string) (PowerRange, error) {
	device, err := whole(uuid)
	if err != nil {
		return PowerRange{}, err
	}
	return power(device, exported)
}

func power(device controls, has func(string) bool) (PowerRange, error) {
	var r PowerRange
	watts := func(to *float64, milli uint32) { *to = float64(milli) / 1000 }
	for _, get := range []struct {
		function string
		call     func() nvml.Return
	}{
		{"nvmlDeviceGetPowerManagementLimit", func() nvml.Return {
			v, ret := device.GetPowerManagementLimit()
			watts(&r.Limit, v)
			return ret
		}},
		{"nvmlDeviceGetPowerManagementDefaultLimit", func() nvml.Return {
			v, ret := device.GetPowerManagementDefaultLimit()
			watts(&r.Default, v)
			return ret
		}},
		{"nvmlDeviceGetPowerManagementLimitConstraints", func() nvml.Return {
			low, high, ret := device.GetPowerManagementLimitConstraints()
			watts(&r.Min, low)
			watts(&r.Max, high)
			return ret
		}},
	} {
		if err := call(has, get.function, get.call); err != nil {
			return PowerRange{}, fmt.Errorf("power limit: %w", err)
		}
	}
	return r, nil
}

// SetPowerLimit sets the power limit of the GPU with this UUID, in watts. Errors:
// [ErrOutOfRange] with the range, [ErrAbsent], [ErrNotSupported], [ErrNotPermitted].
func SetPowerLimit(uuid string, watts float64) error {
	device, err := whole(uuid)
	if err != nil {
		return err
	}
	return setPowerLimit(device, exported, watts)
}

func setPowerLimit(device controls, has func(string) bool, watts float64) error {
	r, err := power(device, has)
	if err != nil {
		return err
	}
	if !(watts >= r.Min && watts <= r.Max) {
		return fmt.Errorf("power limit %g W: %w: must be %g to %g W", watts, ErrOutOfRange, r.Min, r.Max)
	}
	err = call(has, "nvmlDeviceSetPowerManagementLimit", func() nvml.Return {
		return device.SetPowerManagementLimit(uint32(math.Round(watts * 1000)))
	})
	if err != nil {
		return fmt.Errorf("power limit %g W: %w", watts, err)
	}
	return nil
}

// MaxClock returns the highest clock of the SMs of the GPU with this UUID, in MHz.
// Errors: [ErrAbsent], [ErrNotSupported].
func MaxClock(uuid string) (mhz uint32, err error) {
	device, err := whole(uuid)
	if err != nil {
		return 0, err
	}
	return maxClock(device, exported)
}

func maxClock(device controls, has func(string) bool) (mhz uint32, err error) {
	err = call(has, "nvmlDeviceGetMaxClockInfo", func() (ret nvml.Return) {
		mhz, ret = device.GetMaxClockInfo(nvml.CLOCK_SM)
		return ret
	})
	if err != nil {
		return 0, fmt.Errorf("highest clock: %w", err)
	}
	return mhz, nil
}

// LockClock locks the clock of the SMs of the GPU with this UUID to the nearest one
// that it has. The driver still lowers it for heat or power. Errors: [ErrOutOfRange] with
// the highest clock, [ErrAbsent], [ErrNotSupported], [ErrNotPermitted].
func LockClock(uuid string, mhz uint32) error {
	device, err := whole(uuid)
	if err != nil {
		return err
	}
	return lockClock(device, exported, mhz)
}

func lockClock(device controls, has func(string) bool, mhz uint32) error {
	highest, err := maxClock(device, has)
	if err != nil {
		return err
	}
	if mhz == 0 || mhz > highest {
		return fmt.Errorf("clock %d MHz: %w: must be 1 to %d MHz", mhz, ErrOutOfRange, highest)
	}
	if err := call(has, "nvmlDeviceSetGpuLockedClocks", func() nvml.Return { return device.SetGpuLockedClocks(mhz, mhz) }); err != nil {
		return fmt.Errorf("clock %d MHz: %w", mhz, err)
	}
	return nil
}

// UnlockClock ends every lock of the clock of the GPU with this UUID, also one that
// another program has set: NVML does not report locks. Errors: [ErrAbsent],
// [ErrNotSupported], [ErrNotPermitted].
func UnlockClock(uuid string) error {
	device, err := whole(uuid)
	if err != nil {
		return err
	}
	return unlockClock(device, exported)
}

func unlockClock(device controls, has func(string) bool) error {
	if err := call(has, "nvmlDeviceResetGpuLockedClocks", device.ResetGpuLockedClocks); err != nil {
		return fmt.Errorf("unlock the clock: %w", err)
	}
	return nil
}
