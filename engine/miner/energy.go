package miner

import (
	"time"

	"stele/engine/host/energy"
)

// gauge completes the readings of a device by the energy since the start, and by the
// power. Only the goroutine of sense uses it.
type gauge struct {
	hasCounter bool
	used       float64 // joules since the first reading
	last       float64 // reading of the counter
	at         time.Time
	integral   energy.Integral // of the power, without a counter
}

// complete returns the readings of a moment with the energy since the first ones. It
// comes from the counter of the device, or else from its power. A device without a
// reading of the power has the mean power since the last reading of its counter.
func (g *gauge) complete(s Sensors, now time.Time) Sensors {
	switch {
	case s.Energy != nil:
		counter := *s.Energy
		if !g.hasCounter {
			g.used = g.integral.Joules() // until a counter that appears late
		}
		if grown := counter - g.last; g.hasCounter && grown >= 0 { // else the driver was loaded anew
			g.used += grown
			if seconds := now.Sub(g.at).Seconds(); s.Power == nil && seconds > 0 {
				watts := grown / seconds
				s.Power = &watts
			}
		}
		g.hasCounter, g.last = true, counter
	case s.Power != nil && !g.hasCounter:
		if g.at.IsZero() {
			g.at = now
		}
		g.integral.Add(now.Sub(g.at), *s.Power)
		joules := g.integral.Joules()
		s.Energy = &joules
		return s
	default:
		return s
	}
	g.at = now
	used := g.used
	s.Energy = &used
	return s
}
