package bench

import (
	"fmt"
	"slices"
	"strings"

	"stele/cgo/nvml"
)

// GPUState is a reading of the sensors of a GPU. Absent values are not known. Energy is
// that of the GPU's counter, or what a [GPUMeter] has integrated since it was opened.
type GPUState struct {
	nvml.Reading
	// Others is the number of other processes that use the GPU.
	Others *int `json:"other_processes,omitempty"`
}

// GPUStates are the states just before and just after a slice.
type GPUStates struct {
	Before GPUState `json:"before"`
	After  GPUState `json:"after"`
}

// GPUDriver returns the version of the NVIDIA driver, or "" if it is not known.
func GPUDriver() string {
	version, err := nvml.Driver()
	if err != nil {
		return ""
	}
	return version
}

// configured lists the throttle reasons that are settings: the clock is lower than
// it could be, but constant.
var configured = []string{"clock-setting", "display"}

// isThrottled reports whether anything but a setting lowered the clock.
func (s GPUState) isThrottled() bool {
	return slices.ContainsFunc(s.Throttle, func(reason string) bool { return !slices.Contains(configured, reason) })
}

func (s GPUState) isShared() bool { return s.Others != nil && *s.Others > 0 }

// energyPlausible reports whether the energy, if known, is in the range of a real
// counter.
func (s GPUState) energyPlausible() bool {
	return s.Energy == nil || *s.Energy >= 0 && *s.Energy <= maxJoules
}

// gpuFlags returns the flags for the GPU states around the samples.
func gpuFlags(samples []Sample) (flags []Flag) {
	var clocks []float64
	known, throttled, shared := 0, 0, 0
	for _, s := range samples {
		if s.GPU == nil {
			continue
		}
		known++
		if s.GPU.Before.isThrottled() || s.GPU.After.isThrottled() {
			throttled++
		}
		if s.GPU.Before.isShared() || s.GPU.After.isShared() {
			shared++
		}
		// The clock before a slice may be that of an idle GPU.
		if c := s.GPU.After.Clock; c != nil {
			clocks = append(clocks, float64(*c))
		}
	}
	often := func(n int) bool { return n > 0 && float64(n) >= minOdd*float64(known) }
	if often(throttled) {
		flags = append(flags, FlagThrottled)
	}
	if Describe(clocks).Spread > maxClockSpread {
		flags = append(flags, FlagClockChanged)
	}
	if often(shared) {
		flags = append(flags, FlagShared)
	}
	return flags
}

// gpuLine describes the state of a GPU during its cases; "" if nothing is known.
func (r *Result) gpuLine(device string) string {
	var clocks, watts, limits []float64
	var hottest uint32
	var reasons []string
	for _, c := range r.Cases {
		for _, s := range c.Samples {
			if c.Device != device || s.GPU == nil {
				continue
			}
			after := s.GPU.After
			if after.Clock != nil {
				clocks = append(clocks, float64(*after.Clock))
			}
			if after.Power != nil {
				watts = append(watts, *after.Power)
			}
			if after.PowerLimit != nil {
				limits = append(limits, *after.PowerLimit)
			}
			if after.Temperature != nil {
				hottest = max(hottest, *after.Temperature)
			}
			for _, reason := range slices.Concat(s.GPU.Before.Throttle, after.Throttle) {
				if !slices.Contains(reasons, reason) {
					reasons = append(reasons, reason)
				}
			}
		}
	}
	var parts []string
	add := func(known bool, format string, args ...any) {
		if known {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(len(clocks) > 0, "%.0f MHz", Median(clocks))
	add(len(watts) > 0, "%.0f W", Median(watts))
	add(len(limits) > 0, "limit %.0f W", Median(limits))
	add(hottest > 0, "up to %d C", hottest)
	add(len(reasons) > 0, "throttled: %s", strings.Join(reasons, " "))
	return strings.Join(parts, ", ")
}

// powerLimits lists the power limits of the GPUs during the measurement.
func (r *Result) powerLimits() string {
	var limits []string
	seen := map[string]bool{}
	for _, c := range r.Cases {
		if g := c.Samples[0].GPU; g != nil && g.After.PowerLimit != nil && !seen[c.Device] {
			seen[c.Device] = true
			limits = append(limits, fmt.Sprintf("%s %.0f W", c.Device, *g.After.PowerLimit))
		}
	}
	return strings.Join(limits, ", ")
}
