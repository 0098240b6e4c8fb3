package stat

import "math"

// StudentAbove returns the probability that a value of the distribution with df degrees of
// freedom is larger than t. It is NaN if t is NaN or df is below 1.
func StudentAbove(t float64, df int) float64 {
	if df < 1 || math.IsNaN(t) {
		return math.NaN()
	}
	n := float64(df)
	tail := incompleteBeta(n/2, 0.5, n/(n+t*t), 1/(n/t/t+1)) / 2
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

// incompleteBeta returns the regularized incomplete beta function of x, from 0 to 1;
// y is 1-x, which has more digits where x is near 1.
func incompleteBeta(a, b, x, y float64) float64 {
	switch {
	case x <= 0:
		return 0
	case y <= 0:
		return 1
	case x > (a+1)/(a+b+2): // where the fraction of the other side converges faster
		return 1 - incompleteBeta(b, a, y, x)
	}
	lnA, _ := math.Lgamma(a)
	lnB, _ := math.Lgamma(b)
	lnSum, _ := math.Lgamma(a + b)
	front := math.Exp(lnSum - lnA - lnB + a*math.Log(x) + b*math.Log(y))
	return front * betaFraction(a, b, x) / a
}

// betaFraction evaluates the continued fraction of the incomplete beta function, from
// its front to its end, as quotients of successive numerators and denominators.
func betaFraction(a, b, x float64) float64 {
	const tiny, precise = 1e-300, 1e-15
	nonZero := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	numerator, denominator := 1.0, 1/nonZero(1-(a+b)*x/(a+1))
	value := denominator
	for i := 1; i <= 1000; i++ {
		m := float64(i)
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		for _, term := range []float64{even, odd} {
			denominator = 1 / nonZero(1+term*denominator)
			numerator = nonZero(1 + term/numerator)
			value *= numerator * denominator
		}
		if math.Abs(numerator*denominator-1) < precise {
			break
		}
	}
	return value
}
