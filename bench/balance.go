package bench

import (
	"fmt"
	"slices"
	"strings"
)

// DevicePart is the part of one device in the work of several.
type DevicePart struct {
	Device string  `json:"device"`
	Part   float64 `json:"part"` // of all items
	// Alone is its rate here relative to its rate in its fastest case alone.
	Alone *Ratio `json:"alone,omitempty"`
	// Stalls is the part of the time in which it had no piece of work, because the host
	// or the other devices kept it waiting; nil if not known.
	Stalls *float64 `json:"stalls,omitempty"`
}

// balance derives the part of each device in a case of all devices. The efficiency
// is the rate of the whole relative to the sum of the devices alone, if each of
// them has a case.
func (r *Result) balance(c *CaseResult) (parts []DevicePart, efficiency *Ratio) {
	total, idle := map[string]float64{}, map[string]float64{}
	sum, seconds, known := 0.0, 0.0, true
	for _, s := range c.Samples {
		seconds += s.Seconds
		known = known && s.Idle != nil
		for device, t := range s.Idle {
			idle[device] += t
		}
		for device, items := range s.Devices {
			total[device] += float64(items)
			sum += float64(items)
		}
	}
	var devices []string
	for device := range total {
		devices = append(devices, device)
	}
	slices.Sort(devices)

	together := make([]Sample, len(c.Samples)) // of an imagined device with the sum of the rates
	var names []string
	for _, device := range devices {
		part := DevicePart{Device: device, Part: total[device] / sum}
		if known {
			stalls := idle[device] / seconds
			part.Stalls = &stalls
		}
		if alone := r.fastest(c.Mode, device); alone != nil {
			ratio := pairedRatio(samplesOf(c.Samples, device), alone.Samples, alone.ID)
			part.Alone = &ratio
			names = append(names, alone.ID)
			addRates(together, alone.Samples)
		}
		parts = append(parts, part)
	}
	if len(names) == len(devices) && len(names) > 0 {
		ratio := pairedRatio(c.Samples, together, strings.Join(names, " + "))
		efficiency = &ratio
	}
	return parts, efficiency
}

// fastest returns the fastest case in which a device works alone, or nil if there
// is none.
func (r *Result) fastest(mode Mode, device string) (best *CaseResult) {
	for i := range r.Cases {
		c := &r.Cases[i]
		if c.Mode == mode && c.Device == device && c.Kernel != Reference && (best == nil || c.Rate.Median > best.Rate.Median) {
			best = c
		}
	}
	return best
}

// samplesOf returns the samples of one device among several.
func samplesOf(samples []Sample, device string) []Sample {
	out := slices.Clone(samples)
	for i, s := range samples {
		out[i].Items = s.Devices[device]
	}
	return out
}

// addRates adds the items that b does in a second to those of a, round by round. A
// round is quiet if both are.
func addRates(a, b []Sample) {
	const second = 1e6 // for which the items are whole numbers
	for i, s := range b {
		if a[i].Seconds == 0 {
			a[i] = Sample{Seconds: second, Probe: 1}
		}
		a[i].Items += uint64(s.Rate() * second)
		if !s.Quiet() {
			a[i].Probe = s.Probe
			a[i].CPU = s.CPU
		}
	}
}

// balanceLine describes a case of all devices.
func (c *CaseResult) balanceLine() string {
	text := c.ID + ": "
	if c.Efficiency != nil {
		text += fmt.Sprintf("%.1f %% of the sum of the devices alone; ", c.Efficiency.Median*100)
	}
	var parts []string
	for _, s := range c.Balance {
		parts = append(parts, s.line(" of its rate alone"))
	}
	return text + strings.Join(parts, "; ")
}

// line describes the part of a device. Of says what its rate is relative to.
func (p DevicePart) line(of string) string {
	text := fmt.Sprintf("%s did %.1f %%", p.Device, p.Part*100)
	if p.Alone != nil {
		text += fmt.Sprintf(", at %.1f %%%s", p.Alone.Median*100, of)
	}
	if p.Stalls != nil {
		text += fmt.Sprintf(", waiting for work %.2f %% of the time", *p.Stalls*100)
	}
	return text
}

// idleImplausible reports whether an idle time is impossible, or of another device.
func (s Sample) idleImplausible() bool {
	for device, t := range s.Idle {
		if _, known := s.Devices[device]; !known || !(t >= 0 && t <= maxSeconds) {
			return true
		}
	}
	return false
}
