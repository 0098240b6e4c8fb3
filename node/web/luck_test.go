package web

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// The bands of tables of the Poisson distribution.
func TestPoissonBand(t *testing.T) {
	for _, test := range []struct {
		mean      float64
		low, high uint64
	}{
		{-1, 0, 0}, {0, 0, 0}, {0.01, 0, 0}, {0.5, 0, 2}, {1, 0, 3}, {3.7, 1, 8}, {4, 1, 8}, {10, 4, 17}, {38, 26, 51}, {100, 81, 120},
	} {
		if low, high := poissonBand(test.mean); low != test.low || high != test.high {
			t.Errorf("mean %v: %d to %d, want %d to %d", test.mean, low, high, test.low, test.high)
		}
	}
	low, high := poissonBand(1e8) // as good as normal
	for _, side := range []float64{1e8 - float64(low), float64(high) - 1e8} {
		if math.Abs(side/1e4-1.95996) > 0.01 {
			t.Errorf("mean 1e8: the band is %.4f standard deviations wide on a side", side/1e4)
		}
	}
}

// Sums of the exact chances agree: less than 2.5 % lie below the band and above it, and
// more from its first or last count on.
func TestPoissonBandIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mean := rapid.Float64Range(0.001, 400).Draw(t, "mean")
		low, high := poissonBand(mean)
		below := atMost(mean, int64(low)-1)
		if below > 0.025+1e-9 || atMost(mean, int64(low)) < 0.025-1e-9 {
			t.Errorf("low %d: %v lie below", low, below)
		}
		if above := 1 - atMost(mean, int64(high)); above > 0.025+1e-9 || high > 0 && 1-atMost(mean, int64(high)-1) < 0.025-1e-9 {
			t.Errorf("high %d: %v lie above", high, above)
		}
	})
}

// atMost returns the chance of at most n, summed in big floats from 0 on.
func atMost(mean float64, n int64) float64 {
	const precision = 2000
	sum, term, m := new(big.Float).SetPrec(precision), big.NewFloat(1).SetPrec(precision), big.NewFloat(mean).SetPrec(precision)
	all := new(big.Float).SetPrec(precision)
	for k := int64(0); k < int64(mean)*3+200; k++ {
		all.Add(all, term)
		if k <= n {
			sum.Add(sum, term)
		}
		term.Mul(term, m).Quo(term, big.NewFloat(float64(k+1)))
	}
	share, _ := new(big.Float).Quo(sum, all).Float64()
	return share
}
