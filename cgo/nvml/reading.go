// Package nvml reads the sensors of NVIDIA GPUs and sets their limits, through
// NVIDIA/go-nvml and the library libnvidia-ml.so.1 of the driver.
//
// [SetPowerLimit] and [LockClock] change a GPU for all programs, also after this one has
// ended; only root may call them. [Read] returns a [Reading] of one GPU. A sensor that the GPU or the driver lacks
// is nil in it, and Reading.Absent has the reason. The first call loads the
// library; without a library Read returns [ErrAbsent]. Without cgo and the build
// tag cuda the package has the same API and no sensors. All functions are safe
// for concurrent use.
//
// go-nvml leaves the functions of the library undefined when the program is
// linked, so they must be resolved lazily, when they are called. Some C compilers
// resolve them when the program starts, which then fails; "-Wl,-z,lazy" in
// CGO_LDFLAGS prevents that.
package nvml

import (
	"errors"
	"fmt"
	"strings"
)

// ErrAbsent means that no sensor can be read.
var ErrAbsent = errors.New("no NVML")

// Reading has the readings of the sensors of a GPU. A nil field is absent.
type Reading struct {
	Temperature *uint32  `json:"temperature_c,omitempty"`    // of the chip, in degrees Celsius
	Power       *float64 `json:"power_w,omitempty"`          // watts
	PowerLimit  *float64 `json:"power_limit_w,omitempty"`    // watts
	Energy      *float64 `json:"energy_j,omitempty"`         // joules since the driver was loaded
	Fan         *uint32  `json:"fan_percent,omitempty"`      // of full speed
	Clock       *uint32  `json:"clock_mhz,omitempty"`        // of the SMs
	MemoryClock *uint32  `json:"memory_clock_mhz,omitempty"` // of the memory
	Throttle    []string `json:"throttle,omitempty"`         // why the clock is lower than it could be

	Absent map[string]string `json:"absent,omitempty"` // the reason, by the name of the JSON field
}

// String returns the readings in one line, for people.
func (r Reading) String() string {
	var parts []string
	add := func(isPresent bool, format string, value func() any) {
		if isPresent {
			parts = append(parts, fmt.Sprintf(format, value()))
		}
	}
	add(r.Temperature != nil, "%d C", func() any { return *r.Temperature })
	add(r.Power != nil, "%.0f W", func() any { return *r.Power })
	add(r.PowerLimit != nil, "limit %.0f W", func() any { return *r.PowerLimit })
	add(r.Fan != nil, "fan %d %%", func() any { return *r.Fan })
	add(r.Clock != nil, "%d MHz", func() any { return *r.Clock })
	add(r.MemoryClock != nil, "memory %d MHz", func() any { return *r.MemoryClock })
	add(len(r.Throttle) > 0, "throttled: %s", func() any { return strings.Join(r.Throttle, " ") })
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// Reasons returns the names of the throttle reasons in bits, as NVML and nvidia-smi
// report them (event reasons in newer drivers). Idle is not among them.
func Reasons(bits uint64) (names []string) {
	for _, b := range []struct {
		bit  uint64
		name string
	}{
		{0x02, "clock-setting"},
		{0x04, "power-cap"},
		{0x08, "hardware"},
		{0x10, "sync-boost"},
		{0x20, "thermal"},
		{0x40, "hardware-thermal"},
		{0x80, "power-brake"},
		{0x100, "display"},
	} {
		if bits&b.bit != 0 {
			names = append(names, b.name)
		}
	}
	return names
}
