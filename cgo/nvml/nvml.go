//go:build linux && cuda && cgo

package nvml

import (
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// wslLibrary is the path of the library in WSL2, where the loader may not search.
var wslLibrary = "/usr/lib/wsl/lib/libnvidia-ml.so.1"

// start loads the library once. It stays loaded until the program ends.
var start = sync.OnceValue(func() error {
	ret := nvml.Init()
	if _, err := os.Stat(wslLibrary); ret == nvml.ERROR_LIBRARY_NOT_FOUND && err == nil {
		if err := nvml.SetLibraryOptions(nvml.WithLibraryPath(wslLibrary)); err != nil {
			return fmt.Errorf("%w: %w", ErrAbsent, err)
		}
		ret = nvml.Init()
	}
	if ret != nvml.SUCCESS {
		return fmt.Errorf("%w: %s", ErrAbsent, say(ret))
	}
	return nil
})

// say returns the meaning of a return code, without a call of the library, which may
// not be loaded.
func say(ret nvml.Return) string {
	if ret == nvml.ERROR_LIBRARY_NOT_FOUND {
		return "libnvidia-ml.so.1 cannot be loaded"
	}
	return ret.Error()
}

// Read reads the sensors of the GPU with this UUID. Those of a MIG slice are the
// sensors of its GPU. Errors: [ErrAbsent].
func Read(uuid string) (Reading, error) {
	if err := start(); err != nil {
		return Reading{}, err
	}
	device, ret := nvml.DeviceGetHandleByUUID(uuid)
	if ret == nvml.SUCCESS && strings.HasPrefix(uuid, "MIG-") {
		const function = "nvmlDeviceGetDeviceHandleFromMigDeviceHandle"
		if !exported(function) {
			return Reading{}, fmt.Errorf("%w: the driver has no %s", ErrAbsent, function)
		}
		device, ret = device.GetDeviceHandleFromMigDeviceHandle()
	}
	if ret != nvml.SUCCESS {
		return Reading{}, fmt.Errorf("%w: GPU %s: %s", ErrAbsent, uuid, say(ret))
	}
	return read(device, exported), nil
}

// sensors are the functions of a device that read uses.
type sensors interface {
	GetTemperature(nvml.TemperatureSensors) (uint32, nvml.Return)
	GetPowerUsage() (uint32, nvml.Return)
	GetEnforcedPowerLimit() (uint32, nvml.Return)
	GetTotalEnergyConsumption() (uint64, nvml.Return)
	GetFanSpeed() (uint32, nvml.Return)
	GetClockInfo(nvml.ClockType) (uint32, nvml.Return)
	GetCurrentClocksEventReasons() (uint64, nvml.Return)
	GetCurrentClocksThrottleReasons() (uint64, nvml.Return)
}

// read reads each sensor. has reports whether the library has a function: calling
// a missing one would end the program.
func read(device sensors, has func(function string) bool) Reading {
	r := Reading{Absent: map[string]string{}}
	try := func(field, function string, get func() nvml.Return) bool {
		if !has(function) {
			r.Absent[field] = "the driver has no " + function
			return false
		}
		if ret := get(); ret != nvml.SUCCESS {
			r.Absent[field] = say(ret)
			return false
		}
		return true
	}
	number := func(field, function string, to **uint32, get func() (uint32, nvml.Return)) {
		var v uint32
		if try(field, function, func() (ret nvml.Return) { v, ret = get(); return ret }) {
			*to = &v
		}
	}
	watts := func(field, function string, to **float64, get func() (uint32, nvml.Return)) {
		var milli *uint32
		if number(field, function, &milli, get); milli != nil {
			v := float64(*milli) / 1000
			*to = &v
		}
	}
	clock := func(kind nvml.ClockType) func() (uint32, nvml.Return) {
		return func() (uint32, nvml.Return) { return device.GetClockInfo(kind) }
	}
	number("temperature_c", "nvmlDeviceGetTemperature", &r.Temperature, func() (uint32, nvml.Return) {
		return device.GetTemperature(nvml.TEMPERATURE_GPU)
	})
	watts("power_w", "nvmlDeviceGetPowerUsage", &r.Power, device.GetPowerUsage)
	watts("power_limit_w", "nvmlDeviceGetEnforcedPowerLimit", &r.PowerLimit, device.GetEnforcedPowerLimit)
	number("fan_percent", "nvmlDeviceGetFanSpeed", &r.Fan, device.GetFanSpeed)
	number("clock_mhz", "nvmlDeviceGetClockInfo", &r.Clock, clock(nvml.CLOCK_SM))
	number("memory_clock_mhz", "nvmlDeviceGetClockInfo", &r.MemoryClock, clock(nvml.CLOCK_MEM))

	var long uint64
	if try("energy_j", "nvmlDeviceGetTotalEnergyConsumption", func() (ret nvml.Return) {
		long, ret = device.GetTotalEnergyConsumption()
		return ret
	}) {
		joules := float64(long) / 1000
		r.Energy = &joules
	}
	function, throttle := "nvmlDeviceGetCurrentClocksEventReasons", device.GetCurrentClocksEventReasons
	if !has(function) { // the name before R535
		function, throttle = "nvmlDeviceGetCurrentClocksThrottleReasons", device.GetCurrentClocksThrottleReasons
	}
	if try("throttle", function, func() (ret nvml.Return) {
		long, ret = throttle()
		return ret
	}) {
		r.Throttle = Reasons(long)
	}
	return r
}
