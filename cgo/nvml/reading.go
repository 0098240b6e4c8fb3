// Package nvml reads the sensors of NVIDIA GPUs, through NVIDIA/go-nvml and the
// library libnvidia-ml.so.1 of the driver.
//
// [Read] gives a [Reading] of one GPU. A sensor that a GPU or a driver does not
// have is nil there, and Reading.Absent says why. The library is loaded the
// first time that somebody reads; where there is none, Read says so. Without
// cgo and the build tag cuda the package has the same API and no sensors.
//
// go-nvml leaves the functions of the library open when the program is linked,
// so they have to be looked up when they are called. Some C compilers have them
// looked up when the program starts, which then fails; "-Wl,-z,lazy" in
// CGO_LDFLAGS prevents that.
package nvml

import (
	"errors"
	"fmt"
	"strings"
)

// ErrAbsent means that no sensor can be read.
var ErrAbsent = errors.New("no NVML")

// Reading is what the sensors of a GPU tell. A nil field is absent.
type Reading struct {
	Temperature *uint32  `json:"temperature_c,omitempty"`    // of the chip, in degrees Celsius
	Power       *float64 `json:"power_w,omitempty"`          // watts
	PowerLimit  *float64 `json:"power_limit_w,omitempty"`    // watts
	Energy      *float64 `json:"energy_j,omitempty"`         // joules since the driver was loaded
	Fan         *uint32  `json:"fan_percent,omitempty"`      // of its full speed
	Clock       *uint32  `json:"clock_mhz,omitempty"`        // of the SMs
	MemoryClock *uint32  `json:"memory_clock_mhz,omitempty"` //
	Throttle    []string `json:"throttle,omitempty"`         // why the clock is lower than it could be

	Absent map[string]string `json:"absent,omitempty"` // why, by the name of the JSON field
}

// String is a line for people.
func (r Reading) String() string {
	var parts []string
	add := func(there bool, format string, value func() any) {
		if there {
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

// Reasons names the bits of NVML's and nvidia-smi's throttle reasons (event
// reasons, in newer drivers). An idle GPU is not throttled.
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
