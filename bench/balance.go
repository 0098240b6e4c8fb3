package bench

import (
	"fmt"
	"slices"
	"strings"
)

// DeviceShare is what one of several devices does of the whole.
type DeviceShare struct {
	Device string  `json:"device"`
	Part   float64 `json:"part"` // of all items
	// Alone is its rate here as a part of its rate in its fastest case alone.
	Alone *Ratio `json:"alone,omitempty"`
}

// balance derives what each device did of a case of all devices, and how the
// whole compares with the sum of the devices alone, if each has a case.
func (r *Result) balance(c *CaseResult) (shares []DeviceShare, efficiency *Ratio) {
	total := map[string]float64{}
	sum := 0.0
	for _, s := range c.Samples {
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

	together := make([]Sample, len(c.Samples)) // as if one device were as fast as all alone
	var names []string
	for _, device := range devices {
		share := DeviceShare{Device: device, Part: total[device] / sum}
		if alone := r.fastest(c.Mode, device); alone != nil {
			ratio := pairedRatio(samplesOf(c.Samples, device), alone.Samples, alone.ID)
			share.Alone = &ratio
			names = append(names, alone.ID)
			addRates(together, alone.Samples)
		}
		shares = append(shares, share)
	}
	if len(names) == len(devices) && len(names) > 0 {
		ratio := pairedRatio(c.Samples, together, strings.Join(names, " + "))
		efficiency = &ratio
	}
	return shares, efficiency
}

// fastest returns the fastest case in which a device works alone; nil if there
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

// samplesOf are the samples of one device among several.
func samplesOf(samples []Sample, device string) []Sample {
	out := slices.Clone(samples)
	for i, s := range samples {
		out[i].Items = s.Devices[device]
	}
	return out
}

// addRates adds what b does in a second to a, round by round. A round is quiet
// if both are.
func addRates(a, b []Sample) {
	const second = 1e6 // of which the rates are whole numbers
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
		part := fmt.Sprintf("%s did %.1f %%", s.Device, s.Part*100)
		if s.Alone != nil {
			part += fmt.Sprintf(", at %.1f %% of its rate alone", s.Alone.Median*100)
		}
		parts = append(parts, part)
	}
	return text + strings.Join(parts, "; ")
}
