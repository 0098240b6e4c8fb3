package bench

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestDescribe(t *testing.T) {
	tests := []struct {
		name    string
		samples []float64
		want    Stats
	}{
		{"none", nil, Stats{}},
		{"one", []float64{7}, Stats{Samples: 1, Median: 7, Low: 7, High: 7}},
		{"two", []float64{4, 2}, Stats{Samples: 2, Median: 3, Low: 2, High: 4, MAD: 1, Spread: 1.8 / 3, Drift: -0.5}},
		{"equal", []float64{5, 5, 5, 5}, Stats{Samples: 4, Median: 5, Low: 5, High: 5}},
		// Sorted 1 2 4 6 9: away from 4 by 0 2 2 3 5. The middle sample is in no half.
		{"odd", []float64{6, 2, 4, 1, 9}, Stats{Samples: 5, Median: 4, Low: 1, High: 9, MAD: 2, Spread: (8.4 - 1.2) / 4, Drift: 0.25}},
		// One sample is 90 away where the MAD is 1: the bound is 5 x 1.4826.
		{"outlier", []float64{10, 11, 9, 100, 10, 8, 12}, Stats{Samples: 7, Median: 10, Low: 8, High: 100, MAD: 1, Spread: (73.6 - 8.3) / 10, Outliers: 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := slices.Clone(test.samples)
			got := Describe(test.samples)
			if !slices.Equal(before, test.samples) {
				t.Error("samples were changed")
			}
			for _, v := range []struct {
				name      string
				got, want float64
			}{
				{"samples", float64(got.Samples), float64(test.want.Samples)},
				{"median", got.Median, test.want.Median},
				{"low", got.Low, test.want.Low},
				{"high", got.High, test.want.High},
				{"mad", got.MAD, test.want.MAD},
				{"spread", got.Spread, test.want.Spread},
				{"outliers", float64(got.Outliers), float64(test.want.Outliers)},
				{"drift", got.Drift, test.want.Drift},
			} {
				if math.Abs(v.got-v.want) > 1e-12 {
					t.Errorf("%s is %v, want %v", v.name, v.got, v.want)
				}
			}
		})
	}
}

// The ranks are those of published tables of the sign test.
func TestIntervalRank(t *testing.T) {
	for n, want := range map[int]int{
		1: 1, 5: 1, 6: 1, 8: 1, 9: 2, 10: 2, 12: 3, 15: 4, 20: 6, 25: 8, 30: 10, 40: 14, 50: 18, 100: 40,
	} {
		if got := intervalRank(n); got != want {
			t.Errorf("rank for %d samples is %d, want %d", n, got, want)
		}
	}
	// For many samples the rank nears n/2 - 0.98 sqrt(n).
	for _, n := range []int{10_000, 1_000_000} {
		want := float64(n)/2 - 0.98*math.Sqrt(float64(n))
		if got := float64(intervalRank(n)); math.Abs(got-want) > 2 {
			t.Errorf("rank for %d samples is %v, want about %v", n, got, want)
		}
	}
}

// The interval must contain the true median in at least 95 of 100 cases, for a
// distribution that is far from normal.
func TestIntervalCoverage(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const runs = 4000
	for _, n := range []int{6, 30, 75} {
		in := 0
		for range runs {
			samples := make([]float64, n)
			for i := range samples {
				samples[i] = random.ExpFloat64()
			}
			if s := Describe(samples); s.Low <= math.Ln2 && math.Ln2 <= s.High {
				in++
			}
		}
		// 0.94 is three standard deviations below 0.95.
		if part := float64(in) / runs; part < 0.94 {
			t.Errorf("intervals of %d samples contain the median in %.3f of the cases, want 0.95", n, part)
		}
	}
}

func TestDescribeProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		samples := rapid.SliceOfN(rapid.Float64Range(1e-3, 1e12), 1, 200).Draw(t, "samples")
		s := Describe(samples)
		if !(slices.Min(samples) <= s.Low && s.Low <= s.Median && s.Median <= s.High && s.High <= slices.Max(samples)) {
			t.Errorf("out of order: %+v", s)
		}
		if s.MAD < 0 || s.Spread < 0 || s.Outliers < 0 || s.Outliers > len(samples)/2 {
			t.Errorf("impossible: %+v", s)
		}
		below := 0
		for _, x := range samples {
			if x < s.Median {
				below++
			}
		}
		if below > len(samples)/2 {
			t.Errorf("%d of %d samples are below the median", below, len(samples))
		}

		// Doubling is exact: all follow or stay.
		doubled := make([]float64, len(samples))
		for i, x := range samples {
			doubled[i] = 2 * x
		}
		want := s
		want.Median, want.Low, want.High, want.MAD = 2*s.Median, 2*s.Low, 2*s.High, 2*s.MAD
		if got := Describe(doubled); got != want {
			t.Errorf("doubled samples give %+v, want %+v", got, want)
		}

		// Only the drift knows the order.
		turned := slices.Clone(samples)
		slices.Reverse(turned)
		back := Describe(turned)
		back.Drift = s.Drift
		if back != s {
			t.Errorf("turned round: %+v, want %+v", back, s)
		}
	})
}

func TestPairedRatio(t *testing.T) {
	// The machine gets slower and slower, the ratio stays 3.
	var fast, slow []Sample
	for i := range 40 {
		seconds := 0.01 * (1 + float64(i))
		fast = append(fast, Sample{Items: 3000, Seconds: seconds, Probe: 1})
		slow = append(slow, Sample{Items: 1000, Seconds: seconds, Probe: 1})
	}
	if got := pairedRatio(fast, slow, "x"); got.To != "x" || got.Pairs != 40 || math.Abs(got.Median-3) > 1e-9 || math.Abs(got.High-got.Low) > 1e-9 {
		t.Errorf("got %+v, want 3 without doubt", got)
	}

	// A disturbed round does not count, whichever slice was disturbed.
	for i := range 25 {
		fast[i].Items = 9000
		if i%2 == 0 {
			fast[i].Probe = 0.5
		} else {
			slow[i].CPU = 0.5
		}
	}
	if got := pairedRatio(fast, slow, "x"); got.Pairs != 15 || math.Abs(got.Median-3) > 1e-9 {
		t.Errorf("got %+v, want 3 from 15 quiet rounds", got)
	}

	// Too few quiet rounds: all count.
	for i := 25; i < 35; i++ {
		fast[i].Probe = 0.5
	}
	if got := pairedRatio(fast, slow, "x"); got.Pairs != 40 || math.Abs(got.Median-9) > 1e-9 {
		t.Errorf("got %+v, want 9 from all rounds", got)
	}
}
