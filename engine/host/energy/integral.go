package energy

import "time"

// Integral computes energy from readings of power, as the area below the straight lines
// between them (trapezoids). The zero value is ready for use. Not safe for concurrent
// use.
type Integral struct {
	joules  float64
	at      time.Duration
	watts   float64
	isBegun bool
}

// Add adds a reading: the watts at a time since any fixed moment. A reading that is not
// later than the last one adds no energy.
func (i *Integral) Add(at time.Duration, watts float64) {
	if gap := at - i.at; i.isBegun && gap > 0 {
		i.joules += (i.watts + watts) / 2 * gap.Seconds()
	}
	i.at, i.watts, i.isBegun = at, watts, true
}

// Joules returns the energy until the last reading.
func (i *Integral) Joules() float64 { return i.joules }
