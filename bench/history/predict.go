package history

import (
	"math"

	"stele/internal/stat"
)

// observation is the value of one run.
type observation struct {
	value  float64 // logarithm of a median
	within float64 // variance of the value by the error of the median within the run
}

// observe returns the observation of a positive median with its 95 % interval.
func observe(median, low, high float64) observation {
	const normal95 = 1.959964 // standard deviations in half of the interval
	deviation := math.Log(high/low) / (2 * normal95)
	return observation{math.Log(median), deviation * deviation}
}

// prediction compares a value with what earlier ones let expect.
type prediction struct {
	runs     int     // earlier ones
	expected float64 // their mean
	value    float64
	between  float64 // their standard deviation
	error    float64 // standard deviation of value - expected
}

// predict compares an observation with two or more earlier ones. If nothing has changed,
// (value - expected) / error has Student's distribution with runs-1 degrees of freedom.
//
// The variance of a value is estimated by the sample variance of the earlier ones, which
// contains what differs between runs and the error within them. It is not less than the
// mean variance within them, as chance can make the sample variance. A newest value with
// a larger error within than they have varies more by the difference.
func predict(before []observation, newest observation) prediction {
	n := float64(len(before))
	p := prediction{runs: len(before), value: newest.value}
	within := 0.0
	for _, o := range before {
		p.expected += o.value / n
		within += o.within / n
	}
	variance := 0.0
	for _, o := range before {
		variance += (o.value - p.expected) * (o.value - p.expected) / (n - 1)
	}
	p.between = math.Sqrt(variance)
	variance = max(variance, within)
	p.error = math.Sqrt(variance + max(0, newest.within-within) + variance/n)
	return p
}

// below returns the probability of a value as low as this or lower if nothing has
// changed.
func (p prediction) below() float64 {
	if p.error == 0 {
		switch {
		case p.value < p.expected:
			return 0
		case p.value > p.expected:
			return 1
		}
		return 0.5
	}
	return stat.StudentAbove((p.expected-p.value)/p.error, p.runs-1)
}

// detectable returns the smallest slowdown, as a fraction, whose probability is at most
// alpha if nothing has changed.
func (p prediction) detectable(alpha float64) float64 {
	return -math.Expm1(-stat.StudentQuantile(alpha, p.runs-1) * p.error)
}
