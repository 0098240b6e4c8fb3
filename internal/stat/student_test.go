package stat

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Values of printed tables.
func TestStudentQuantile(t *testing.T) {
	for _, tt := range []struct {
		above float64
		df    int
		want  float64
	}{
		{0.025, 1, 12.7062}, {0.025, 2, 4.3027}, {0.025, 4, 2.7764}, {0.025, 30, 2.0423},
		{0.01, 4, 3.7469}, {0.01, 9, 2.8214}, {0.01, 19, 2.5395}, {0.0005, 5, 6.8688}, {0.01, 100_000, 2.3264},
		{0.975, 4, -2.7764}, {0.5, 3, 0},
	} {
		if got := StudentQuantile(tt.above, tt.df); math.Abs(got-tt.want) > 6e-5 {
			t.Errorf("StudentQuantile(%v, %d) = %v, want %v", tt.above, tt.df, got, tt.want)
		}
	}
	for _, above := range []float64{0, 1, -1, 2, math.NaN()} {
		if got := StudentQuantile(above, 3); !math.IsNaN(got) {
			t.Errorf("StudentQuantile(%v, 3) = %v, want NaN", above, got)
		}
	}
	if got := StudentQuantile(0.1, 0); !math.IsNaN(got) {
		t.Errorf("no degree of freedom: %v", got)
	}
}

// With one and two degrees of freedom the distribution has closed forms.
func TestStudentAbove(t *testing.T) {
	for _, x := range []float64{-1e6, -30, -2, -0.1, 0, 1e-9, 0.3, 1, 4, 70, 1e5} {
		one := 0.5 - math.Atan(x)/math.Pi
		two := 0.5 - x/(2*math.Sqrt(2+x*x))
		if got := StudentAbove(x, 1); math.Abs(got-one) > 1e-10 {
			t.Errorf("StudentAbove(%v, 1) = %v, want %v", x, got, one)
		}
		if got := StudentAbove(x, 2); math.Abs(got-two) > 1e-10 {
			t.Errorf("StudentAbove(%v, 2) = %v, want %v", x, got, two)
		}
	}
	if got := StudentAbove(math.Inf(1), 5); got != 0 {
		t.Errorf("above infinity: %v", got)
	}
	if got := StudentAbove(math.NaN(), 5); !math.IsNaN(got) {
		t.Errorf("above NaN: %v", got)
	}
}

// Above and Quantile are each other's inverse, and Above falls.
func TestStudentInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		df := rapid.IntRange(1, 1000).Draw(t, "df")
		above := rapid.Float64Range(1e-6, 1-1e-6).Draw(t, "above")
		x := StudentQuantile(above, df)
		if got := StudentAbove(x, df); math.Abs(got-above) > 1e-9 {
			t.Fatalf("StudentAbove(StudentQuantile(%v)) = %v", above, got)
		}
		if StudentAbove(x+0.1, df) >= StudentAbove(x, df) {
			t.Fatalf("Above does not fall at %v", x)
		}
	})
}

func BenchmarkAbove(b *testing.B) {
	for b.Loop() {
		StudentAbove(1.3, 19)
	}
}

// The chance that a value is larger falls with the value, for any of them.
func TestStudentFalls(t *testing.T) {
	for df := 1; df <= 60; df++ {
		last := 1.0
		for i := range 4001 {
			x := float64(i-2000) / 250
			above := StudentAbove(x, df)
			if !(above >= 0 && above <= last*(1+1e-12)) {
				t.Fatalf("StudentAbove(%v, %d) = %v, after %v", x, df, above, last)
			}
			if both := above + StudentAbove(-x, df); math.Abs(both-1) > 1e-12 {
				t.Fatalf("StudentAbove(%v, %d) and that of %v make %v", x, df, -x, both)
			}
			last = above
		}
	}
}
