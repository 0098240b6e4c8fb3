package bench

// SweepPoint is a setting of a device that `stele bench efficiency` measured. Rate,
// Flags, PerJoule and Pareto follow from the samples, Watts and the other points.
type SweepPoint struct {
	Case string `json:"case"` // ID of the Spec; several points of a GPU have the same
	Spec
	// PowerLimit is the limit in watts that the sweep set, and ClockMHz the clock to
	// which it locked the GPU. 0: it left the GPU as it was.
	PowerLimit float64 `json:"power_limit_w,omitempty"`
	ClockMHz   uint32  `json:"locked_clock_mhz,omitempty"`

	Rate     Stats   `json:"rate"`            // items per second, as that of a case
	Flags    []Flag  `json:"flags"`           // reasons to doubt the rate
	Watts    float64 `json:"watts"`           // mean from the first sample to the last; 0 if not known
	PerJoule float64 `json:"items_per_joule"` // Rate.Median / Watts; 0 if not known
	// Pareto: no other point of the device is at least as fast with at most the watts,
	// and better in one of them.
	Pareto  bool       `json:"pareto"`
	Proof   *CaseProof `json:"proof,omitempty"`
	Samples []Sample   `json:"samples"`
}

// deriveSweep computes the figures of the points that follow from their samples.
func (r *Result) deriveSweep() {
	for i := range r.Sweep {
		p := &r.Sweep[i]
		c := CaseResult{Spec: p.Spec, Samples: p.Samples, Proof: p.Proof}
		c.derive()
		p.Case, p.Rate, p.Flags, p.Proof = c.ID, c.Rate, c.Flags, c.Proof
		p.PerJoule = 0
		if p.Watts > 0 {
			p.PerJoule = p.Rate.Median / p.Watts
		}
	}
	for i := range r.Sweep {
		r.Sweep[i].Pareto = isOnFront(r.Sweep, i)
	}
}

// isOnFront reports whether no other point of the device is better than point i.
func isOnFront(points []SweepPoint, i int) bool {
	p := &points[i]
	if p.Watts <= 0 {
		return false
	}
	for j := range points {
		q := &points[j]
		if q.Device != p.Device || q.Watts <= 0 {
			continue
		}
		if q.Rate.Median >= p.Rate.Median && q.Watts <= p.Watts && (q.Rate.Median > p.Rate.Median || q.Watts < p.Watts) {
			return false
		}
	}
	return true
}
