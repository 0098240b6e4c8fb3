package bench

import (
	"math"
	"slices"
)

// derive computes all figures from the specs, samples and proofs of the cases.
func (r *Result) derive() {
	byID := map[string]*CaseResult{}
	for i := range r.Cases {
		c := &r.Cases[i]
		c.derive()
		c.deriveLimit(r.Environment)
		byID[c.ID] = c
	}
	r.deriveSweep()
	r.Headlines = map[Mode]Headline{}
	for i := range r.Cases {
		c := &r.Cases[i]
		c.deriveRatios(byID)
		if c.Device == All {
			c.Balance, c.Efficiency = r.balance(c)
			continue // it is not one device
		}
		if c.Device == Bare || c.wrong() {
			continue
		}
		if c.Rate.Median > r.Headlines[c.Mode].Rate {
			r.Headlines[c.Mode] = Headline{
				Case: c.ID, Rate: c.Rate.Median, Low: c.Rate.Low, High: c.Rate.High,
				Disturbed: len(c.Flags) > 0,
			}
		}
	}
}

// derive computes the figures of a case that do not depend on other cases.
func (c *CaseResult) derive() {
	c.ID, c.Unit = c.Spec.ID(), c.Mode.Unit()
	var quiet, all []float64
	for _, s := range c.Samples {
		all = append(all, s.Rate())
		if s.Quiet() {
			quiet = append(quiet, s.Rate())
		}
	}
	c.All = Describe(all)
	c.Rate = c.All
	c.Disturbed = 1 - float64(len(quiet))/float64(len(all))
	c.Flags = []Flag{}
	if c.Disturbed > maxDisturbed {
		c.Flags = append(c.Flags, FlagDisturbed)
	}
	if len(quiet) >= minQuiet {
		c.Rate = Describe(quiet)
	} else {
		c.Flags = append(c.Flags, FlagFewQuiet)
	}
	if math.Abs(c.Rate.Drift) > maxDrift {
		c.Flags = append(c.Flags, FlagDrift)
	}
	c.Flags = append(c.Flags, gpuFlags(c.Samples)...)
	c.Joules, c.PerJoule = c.energy()
	if c.Proof != nil {
		c.Proof.Passes = passes(c.Samples, rangeOf(c.Proof.Range).Count)
	}
	if c.Proof != nil && !inTable(c.Proof.Range, c.Proof.Digest) {
		c.Flags = append(c.Flags, FlagWrongSet)
	}
	if c.Answers != nil {
		known := knownLists[c.Mode]
		c.Answers.Passes = passes(c.Samples, known.items)
		if c.Answers.Answers != known.Answers {
			c.Flags = append(c.Flags, FlagWrongAnswers)
		}
	}
}

// wrong reports whether the case did other work than it should have.
func (c *CaseResult) wrong() bool {
	return wrong(c.Flags)
}

// deriveRatios computes the ratios of a case to others, if these exist.
func (c *CaseResult) deriveRatios(byID map[string]*CaseResult) {
	reference := Spec{Mode: c.Mode, Device: "cpu", Kernel: Reference, Threads: 1}
	c.Ratio = ratioTo(c, byID[reference.ID()])
	c.Scaling, c.Bare = nil, nil
	if c.Threads > 1 {
		single := c.Spec
		single.Threads = 1
		c.Scaling = ratioTo(c, byID[single.ID()])
	}
	if c.Device != Bare {
		bare := c.Spec
		bare.Device = Bare
		c.Bare = ratioTo(c, byID[bare.ID()])
	}
}

// passes returns the number of complete passes of the samples through count hashes,
// and at least 1; 0 if count is 0.
func passes(samples []Sample, count uint64) int {
	if count == 0 {
		return 0
	}
	var whole, rest uint64
	for _, s := range samples {
		rest += s.Items // at most count + maxItems
		whole += rest / count
		rest %= count
	}
	return int(max(whole, 1))
}

// recomputed returns a copy of the result with all figures recomputed from the
// samples.
func (r *Result) recomputed() *Result {
	copied := *r
	copied.Cases = slices.Clone(r.Cases)
	for i, c := range copied.Cases {
		if c.Proof != nil {
			proof := *c.Proof
			copied.Cases[i].Proof = &proof
		}
		if c.Answers != nil {
			answers := *c.Answers
			copied.Cases[i].Answers = &answers
		}
		if c.Limit != nil {
			limit := *c.Limit
			copied.Cases[i].Limit = &limit
		}
	}
	copied.Sweep = slices.Clone(r.Sweep)
	for i, p := range copied.Sweep {
		if p.Proof != nil {
			proof := *p.Proof
			copied.Sweep[i].Proof = &proof
		}
	}
	copied.derive()
	copied.EndToEnd = r.EndToEnd.recomputed()
	return &copied
}

// ratioTo returns nil if base is nil or c itself.
func ratioTo(c, base *CaseResult) *Ratio {
	if base == nil || base == c {
		return nil
	}
	r := pairedRatio(c.Samples, base.Samples, base.ID)
	return &r
}
