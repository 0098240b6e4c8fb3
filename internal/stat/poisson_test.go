package stat

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// The exact 95 % limits of a Poisson mean, as in the tables of Pearson and
// Hartley (Biometrika Tables for Statisticians, vol. 1, table 40).
func TestPoissonBounds(t *testing.T) {
	for n, want := range map[uint64][2]float64{
		0:  {0, 3.689},
		1:  {0.0253, 5.572},
		2:  {0.2422, 7.225},
		3:  {0.6187, 8.767},
		5:  {1.623, 11.668},
		10: {4.795, 18.390},
		20: {12.217, 30.888},
		30: {20.241, 42.827},
		50: {37.111, 65.919},
	} {
		low, high := PoissonBounds(n)
		if math.Abs(low-want[0]) > 6e-4 || math.Abs(high-want[1]) > 6e-4 {
			t.Errorf("%d: %.4f to %.4f, want %v", n, low, high, want)
		}
	}
}

// gammaP is the tail of the Poisson distribution, summed term by term.
func TestGammaP(t *testing.T) {
	for _, a := range []float64{1, 2, 7, 40, 300, 999, 1001, 5000} {
		for _, x := range []float64{a / 2, a - 2*math.Sqrt(a), a, a + 2*math.Sqrt(a), 2 * a} {
			below := 0.0
			for k := 0.0; k < a; k++ {
				lg, _ := math.Lgamma(k + 1)
				below += math.Exp(k*math.Log(x) - x - lg)
			}
			if x <= 0 {
				below = 1
			}
			tolerance := 1e-9
			if a > 1000 {
				tolerance = 1e-5
			}
			if got := gammaP(a, x); math.Abs(got-(1-below)) > tolerance {
				t.Errorf("P(%g, %g) is %.12f, want %.12f", a, x, got, 1-below)
			}
		}
	}
}

// The interval is around what was seen, and shrinks with it.
func TestPoissonBoundsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(0, 1<<22).Draw(t, "n")
		low, high := PoissonBounds(n)
		if !(low <= float64(n) && float64(n) < high) {
			t.Fatalf("%g, %d, %g", low, n, high)
		}
		if width := 2 * 1.96 * math.Sqrt(float64(n)+1); high-low > 1.2*width+2 || n > 0 && high-low < 0.9*2*1.96*math.Sqrt(float64(n)) {
			t.Fatalf("%d: width %g", n, high-low)
		}
	})
}
