package stat

import "gonum.org/v1/gonum/mathext"

// PoissonBounds returns the bounds of the central 95 % confidence interval of the
// mean of a Poisson variable that was observed to be n (Garwood 1936): the means
// at which n or more, and n or less, have the probability 2.5 %.
func PoissonBounds(n uint64) (low, high float64) {
	const tail = 0.025
	if n > 0 {
		low = solve(func(mean float64) float64 { return gammaP(float64(n), mean) }, tail)
	}
	high = solve(func(mean float64) float64 { return gammaP(float64(n)+1, mean) }, 1-tail)
	return low, high
}

// PoissonTail returns the two-sided p-value of n: the probability that a Poisson
// variable with this mean is at least as far from it as n.
func PoissonTail(n uint64, mean float64) float64 {
	atLeast := 1.0
	if n > 0 {
		atLeast = gammaP(float64(n), mean)
	}
	atMost := 1 - gammaP(float64(n)+1, mean)
	return min(2*min(atLeast, atMost), 1)
}

// solve returns x with f(x) = p, for an increasing function f.
func solve(f func(float64) float64, p float64) float64 {
	low, high := 0.0, 1.0
	for f(high) < p {
		low, high = high, 2*high
	}
	for range 60 {
		if middle := (low + high) / 2; f(middle) < p {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// gammaP returns the regularized lower incomplete gamma function P(a, x), the
// probability that a Poisson variable of mean x is at least a.
func gammaP(a, x float64) float64 {
	if x <= 0 {
		return 0
	}
	return mathext.GammaIncReg(a, x)
}
