package web

import "math"

// poissonBand returns the band of counts that a Poisson variable with a mean lies in with a
// probability of at least 95 %: below it, and above it, are at most 2.5 % each. The mean is
// not negative.
func poissonBand(mean float64) (low, high uint64) {
	const tail = 0.025
	if mean <= 0 {
		return 0, 0
	}
	first := math.Floor(max(0, mean-12*math.Sqrt(mean)-12)) // what is below has no weight
	logarithm, _ := math.Lgamma(first + 1)
	chance := math.Exp(first*math.Log(mean) - mean - logarithm) // of exactly n
	found := false
	for n, sum := first, 0.0; ; n++ {
		sum += chance
		if !found && sum > tail {
			low, found = uint64(n), true
		}
		if sum >= 1-tail || n > mean && chance == 0 {
			return low, uint64(n)
		}
		chance *= mean / (n + 1)
	}
}
