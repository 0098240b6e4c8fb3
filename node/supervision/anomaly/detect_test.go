package anomaly

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// The bounds at their edges.
func TestBounds(t *testing.T) {
	for _, c := range []struct {
		what string
		m    Measure
		want uint64
	}{
		{"burst of a new seller", measureBurst(0, 0, 0), 13},
		{"burst, one a window", measureBurst(0, 28, 28), 13 + 2 + 6},
		{"burst, a hundred a window", measureBurst(0, 2800, 28), 13 + 200 + 60},
		{"burst after one window", measureBurst(0, 9, 1), 13 + 18 + 18},
		{"floor", measureFloor(Tally{}, 100, 0), 75},
		{"floor, few", measureFloor(Tally{}, 8, 0), 20},
		{"floor, as ever", measureFloor(Tally{Before: 51}, 100, 100), never},
		{"floor, as seldom", measureFloor(Tally{Before: 50}, 101, 100), 76},
		{"instant", measureInstant(0, 101), 51},
		{"instant, few", measureInstant(0, 4), 10},
		{"carrier", measureCarrier(0, 100, 200), 150},
		{"carrier, few", measureCarrier(0, 8, 8), 20},
		{"cluster", measureCluster(0, 101, 4), 11},
		{"cluster of a bank", measureCluster(0, 101, 1001), 501},
		{"cluster, few", measureCluster(0, 9, 9), 8},
	} {
		if c.m.Bound != c.want {
			t.Errorf("%s: bound %d, want %d", c.what, c.m.Bound, c.want)
		}
	}
	if (Measure{Count: 12, Bound: 13}).Found() || !(Measure{Count: 13, Bound: 13}).Found() {
		t.Error("a bound is met by the count that it has")
	}
}

// The root is the largest integer whose square is not above the number.
func TestSqrt(t *testing.T) {
	for _, n := range []uint64{0, 1, 2, 3, 4, 1<<32 - 1, 1 << 32, math.MaxUint32 * math.MaxUint32, math.MaxUint64} {
		checkSqrt(t, n)
	}
	rapid.Check(t, func(t *rapid.T) { checkSqrt(t, rapid.Uint64().Draw(t, "n")) })
}

func checkSqrt(t interface{ Errorf(string, ...any) }, n uint64) {
	r := sqrt(n)
	if r > math.MaxUint32 || r*r > n || r < math.MaxUint32 && (r+1)*(r+1) <= n {
		t.Errorf("root of %d: %d", n, r)
	}
}
