package bench

import (
	"math"
	"slices"
)

// Stats describes samples of one quantity. The unit of Median, Low, High and
// MAD is the unit of the samples; Spread and Drift are fractions.
type Stats struct {
	Samples  int     `json:"samples"`
	Median   float64 `json:"median"`
	Low      float64 `json:"low"`      // lower end of the median's 95 % interval
	High     float64 `json:"high"`     // upper end of it
	MAD      float64 `json:"mad"`      // median absolute deviation from the median
	Spread   float64 `json:"spread"`   // from the 5th to the 95th percentile, divided by the median
	Outliers int     `json:"outliers"` // samples further than outlierMADs scaled MADs from the median
	Drift    float64 `json:"drift"`    // median of the second half over the median of the first, less 1
}

const (
	// madScale is the ratio of the standard deviation to the MAD of normal samples.
	madScale    = 1.4826
	outlierMADs = 5
)

// Describe computes the statistics of samples in the order in which they were
// taken. The statistics of no samples are the zero value.
func Describe(samples []float64) Stats {
	n := len(samples)
	if n == 0 {
		return Stats{}
	}
	sorted := slices.Sorted(slices.Values(samples))
	s := Stats{Samples: n, Median: middle(sorted)}
	s.Low, s.High = medianInterval(sorted)

	away := make([]float64, n)
	for i, x := range sorted {
		away[i] = math.Abs(x - s.Median)
	}
	slices.Sort(away)
	s.MAD = middle(away)
	for _, d := range away {
		if d > outlierMADs*madScale*s.MAD {
			s.Outliers++
		}
	}
	if s.Median != 0 {
		s.Spread = (quantile(sorted, 0.95) - quantile(sorted, 0.05)) / s.Median
	}
	if first := Median(samples[:n/2]); first != 0 {
		s.Drift = Median(samples[n-n/2:])/first - 1
	}
	return s
}

// Median returns the median of samples in any order, or 0 for none.
func Median(samples []float64) float64 {
	return middle(slices.Sorted(slices.Values(samples)))
}

// middle returns the median of sorted samples, or 0 for none.
func middle(sorted []float64) float64 {
	n := len(sorted)
	switch {
	case n == 0:
		return 0
	case n%2 == 1:
		return sorted[n/2]
	}
	// Halves first: the sum could overflow.
	return sorted[n/2-1]/2 + sorted[n/2]/2
}

// quantile returns a quantile of sorted samples, by linear interpolation between
// neighbours.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// medianInterval returns the order statistics between which the true median lies
// with a probability of at least 95 %, whatever the distribution. Fewer than six
// samples do not suffice for that: their interval is their whole range.
func medianInterval(sorted []float64) (low, high float64) {
	k := intervalRank(len(sorted))
	return sorted[k-1], sorted[len(sorted)-k]
}

// intervalRank returns the largest k, at least 1, for which the k-th smallest and
// the k-th largest of n samples enclose the median with a probability of 95 %. The
// number B of samples below the median is binomial (n, 1/2), so each end misses
// the median with probability P(B < k), which may be 2.5 %.
func intervalRank(n int) int {
	all, _ := math.Lgamma(float64(n) + 1)
	below := 0.0 // P(B < k+1)
	k := 0
	for ; k < n; k++ {
		in, _ := math.Lgamma(float64(k) + 1)
		out, _ := math.Lgamma(float64(n-k) + 1)
		below += math.Exp(all - in - out - float64(n)*math.Ln2)
		if below > 0.025 {
			break
		}
	}
	return max(k, 1)
}

// Ratio is the quotient of the rates of two cases: the median of the quotients of
// samples of the same round, with its 95 % interval.
type Ratio struct {
	To     string  `json:"to"` // ID of the divisor
	Pairs  int     `json:"pairs"`
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// pairedRatio divides a by b, round by round. Only rounds in which both slices were
// quiet count, unless these are fewer than minQuiet; then all rounds count.
func pairedRatio(a, b []Sample, to string) Ratio {
	var quiet, all []float64
	for i := range min(len(a), len(b)) {
		q := a[i].Rate() / b[i].Rate()
		all = append(all, q)
		if a[i].Quiet() && b[i].Quiet() {
			quiet = append(quiet, q)
		}
	}
	if len(quiet) < minQuiet {
		quiet = all
	}
	s := Describe(quiet)
	return Ratio{To: to, Pairs: s.Samples, Median: s.Median, Low: s.Low, High: s.High}
}
