package stat

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// StudentAbove returns the probability that a value of the distribution with df degrees of
// freedom is larger than t. It is NaN if t is NaN or df is below 1.
func StudentAbove(t float64, df int) float64 {
	if df < 1 || math.IsNaN(t) {
		return math.NaN()
	}
	n := float64(df)
	square := t * t
	tail := mathext.RegIncBeta(n/2, 0.5, n/(n+square)) / 2
	if square < n { // where n/(n+square) loses digits
		tail = (1 - mathext.RegIncBeta(0.5, n/2, square/(n+square))) / 2
	}
	if t < 0 {
		return 1 - tail
	}
	return tail
}

// StudentQuantile returns the value t of the distribution with df degrees of freedom for which
// [StudentAbove] is above, which must lie between 0 and 1. It is NaN otherwise.
func StudentQuantile(above float64, df int) float64 {
	switch {
	case df < 1 || !(above > 0 && above < 1):
		return math.NaN()
	case above > 0.5:
		return -StudentQuantile(1-above, df)
	}
	low, high := 0.0, 1.0
	for StudentAbove(high, df) > above {
		low, high = high, 2*high
	}
	for range 200 {
		middle := low + (high-low)/2
		if middle == low || middle == high {
			break
		}
		if StudentAbove(middle, df) > above {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}
