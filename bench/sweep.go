package bench

import "slices"

// SweepPoint is a setting of a device that `stele bench efficiency` measured. The
// figures follow from the samples, Pareto from those of all points of the device.
type SweepPoint struct {
	Case string `json:"case"` // ID of the Spec; several points of a GPU have the same
	Spec
	// PowerLimit is the limit in watts that the sweep set, and ClockMHz the clock to
	// which it locked the GPU. 0: it left the GPU as it was.
	PowerLimit float64 `json:"power_limit_w,omitempty"`
	ClockMHz   uint32  `json:"locked_clock_mhz,omitempty"`

	Rate     Stats   `json:"rate"`            // items per second, as that of a case
	Flags    []Flag  `json:"flags"`           // reasons to doubt the rate
	Watts    float64 `json:"watts"`           // mean over the samples; 0 if not known
	PerJoule float64 `json:"items_per_joule"` // over all samples; 0 if not known
	// Pareto: no other point of the device is at least as fast with at most the watts,
	// and better in one of them.
	Pareto  bool       `json:"pareto"`
	Proof   *CaseProof `json:"proof,omitempty"`
	Samples []Sample   `json:"samples"`
}

// AddPoint adds a point with its Spec, settings and samples, and the set of nonces that
// it found.
func (r *Result) AddPoint(p SweepPoint, found Proof) {
	p.Proof = &CaseProof{Range: found.Name, Digest: found.Digest}
	r.Sweep = append(r.Sweep, p)
	r.keepProof(found)
	r.derive()
}

// deriveSweep computes the figures of the points.
func (r *Result) deriveSweep() {
	for i := range r.Sweep {
		p := &r.Sweep[i]
		c := CaseResult{Spec: p.Spec, Samples: p.Samples, Proof: p.Proof}
		c.derive()
		p.Case, p.Rate, p.Flags, p.Proof = c.ID, c.Rate, c.Flags, c.Proof
		p.Watts, p.PerJoule = 0, 0
		if c.Joules > 0 {
			p.Watts, p.PerJoule = c.watts(), 1/c.Joules
		}
	}
	for i := range r.Sweep {
		r.Sweep[i].Pareto = isOnFront(r.Sweep, i)
	}
}

// IsRight reports whether the point found the known set of nonces.
func (p SweepPoint) IsRight() bool { return !slices.Contains(p.Flags, FlagWrongSet) }

// isOnFront reports whether no other point of the device is better than point i. Points
// whose energy is not known, or whose set of nonces is wrong, are on no front.
func isOnFront(points []SweepPoint, i int) bool {
	p := &points[i]
	if p.Watts <= 0 || !p.IsRight() {
		return false
	}
	return !slices.ContainsFunc(points, func(q SweepPoint) bool {
		return q.Device == p.Device && q.Watts > 0 && q.IsRight() && q.Rate.Median >= p.Rate.Median && q.Watts <= p.Watts &&
			(q.Rate.Median > p.Rate.Median || q.Watts < p.Watts)
	})
}

// Bounds of a sweep that [Parse] accepts.
const (
	maxSweep = 1000 // points
	maxWatts = 1e6  // of a power limit
)

// sweepPlausible returns an error for points from which no figures can be computed.
func (r *Result) sweepPlausible() error {
	if n := len(r.Sweep); n > maxSweep {
		return impossible("%d points of a sweep, must be at most %d", n, maxSweep)
	}
	type setting struct {
		Spec
		watts float64
		mhz   uint32
	}
	seen := map[setting]bool{}
	for i, p := range r.Sweep {
		s := setting{p.Spec, p.PowerLimit, p.ClockMHz}
		switch {
		case !p.Mode.Searches():
			return impossible("sweep[%d].mode %.40q, must be a search", i, p.Mode)
		case p.Threads < 0:
			return impossible("sweep[%d].threads %d, must be 0 or more", i, p.Threads)
		case !(p.PowerLimit >= 0 && p.PowerLimit <= maxWatts):
			return impossible("sweep[%d].power_limit_w %v, must be 0 to %v", i, p.PowerLimit, float64(maxWatts))
		case seen[s]:
			return impossible("sweep[%d] has the setting of an earlier point", i)
		case len(p.Samples) == 0:
			return impossible("sweep[%d] has no samples", i)
		}
		seen[s] = true
		for j, s := range p.Samples {
			if text := s.implausible(false); text != "" {
				return impossible("sweep[%d].samples[%d]%s", i, j, text)
			}
		}
	}
	return nil
}
