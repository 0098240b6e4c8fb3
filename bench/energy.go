package bench

import "strings"

// energyGroups is the number of groups of successive samples whose items per joule make
// the interval. A counter moves in steps, so a single sample can be far off.
const energyGroups = 10

// used is what a sample used of the device that did the work.
type used struct{ items, joules float64 }

// energy returns the joules per item over all samples whose energy is known, and the
// items per joule of groups of them. They are 0 and nil if too few samples have it.
func (c *CaseResult) energy() (joulesPerItem float64, perJoule *Stats) {
	var known []used
	for _, s := range c.Samples {
		if joules, ok := s.energy(c.Spec); ok {
			known = append(known, used{float64(s.Items), joules})
		}
	}
	if len(known) < max(minQuiet, energyGroups) {
		return 0, nil
	}
	all := sum(known)
	if all.joules <= 0 {
		return 0, nil
	}
	var groups []float64
	for i := range energyGroups {
		g := sum(known[len(known)*i/energyGroups : len(known)*(i+1)/energyGroups])
		if g.joules <= 0 { // the counter did not move
			return all.joules / all.items, nil
		}
		groups = append(groups, g.items/g.joules)
	}
	s := Describe(groups)
	return all.joules / all.items, &s
}

// watts returns the mean power of the device over all samples whose energy is known; 0
// if there is none.
func (c *CaseResult) watts() float64 {
	joules, seconds := 0.0, 0.0
	for _, s := range c.Samples {
		if j, ok := s.energy(c.Spec); ok {
			joules += j
			seconds += s.Seconds
		}
	}
	if seconds == 0 {
		return 0
	}
	return joules / seconds
}

func sum(of []used) (total used) {
	for _, u := range of {
		total.items += u.items
		total.joules += u.joules
	}
	return total
}

// energy returns the energy that the device of a case used for the sample: the CPU
// packages or a GPU. It is not known of several devices.
func (s Sample) energy(of Spec) (joules float64, ok bool) {
	switch {
	case of.Threads > 0:
		return s.Joules, s.Joules > 0
	case of.Device == All || s.GPU == nil:
		return 0, false
	}
	before, after := s.GPU.Before.Energy, s.GPU.After.Energy
	if before == nil || after == nil || *after < *before { // the driver was loaded anew
		return 0, false
	}
	return *after - *before, true
}

// EnergySource is where the energy of a device comes from. Absent is the reason that it
// is not known, or was not known to the end.
type EnergySource struct{ Device, Name, Absent string }

// SetEnergy describes where the energy of the devices comes from.
func (e *Environment) SetEnergy(sources []EnergySource) {
	var names, absent []string
	for _, s := range sources {
		if s.Name != "" {
			names = append(names, s.Device+": "+s.Name)
		}
		if s.Absent != "" {
			absent = append(absent, s.Device+": "+s.Absent)
		}
	}
	e.Energy, e.EnergyAbsent = strings.Join(names, ", "), strings.Join(absent, "; ")
}

// energyLines describes the sources of the energy.
func (e Environment) energyLines() (lines []string) {
	if e.Energy != "" {
		lines = append(lines, "energy: "+e.Energy)
	}
	if e.EnergyAbsent != "" {
		lines = append(lines, "no energy: "+e.EnergyAbsent)
	}
	return lines
}
