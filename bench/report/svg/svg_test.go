package svg

import (
	"encoding/xml"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// wellFormed fails unless text is XML with balanced elements, and has no number that is
// not finite.
func wellFormed(t interface{ Fatalf(string, ...any) }, text string) {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		_, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v: %s", err, text)
		}
	}
	for _, bad := range []string{"NaN", "Inf", "%!"} {
		if strings.Contains(text, bad) {
			t.Fatalf("contains %s: %s", bad, text)
		}
	}
}

// anyFloat draws any value, often one at the edge of the range.
func anyFloat(t *rapid.T, name string) float64 {
	return rapid.OneOf(
		rapid.SampledFrom([]float64{0, 1, -1, math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, math.NaN(), math.Inf(1), math.Inf(-1)}),
		rapid.Float64(), rapid.Float64Range(60e6, 70e6)).Draw(t, name)
}

// Any data gives a chart that is well-formed and whose shapes lie inside it.
func TestPlotOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p Plot
		p.Title, p.Detail = "<title> & \"quotes\"", "</desc>"
		p.X = Axis{Label: "<x>", Zero: rapid.Bool().Draw(t, "zero x"), Low: anyFloat(t, "low"), High: anyFloat(t, "high")}
		p.Y = Axis{Label: "y & z", Zero: rapid.Bool().Draw(t, "zero y")}
		for kind := Dots; kind <= Whisker; kind++ {
			s := Series{Kind: kind, Color: Accent}
			for range rapid.IntRange(0, 5).Draw(t, "points") {
				s.Points = append(s.Points, Point{X: anyFloat(t, "x"), Y: anyFloat(t, "y"), Low: anyFloat(t, "l"), High: anyFloat(t, "h")})
			}
			p.Series = append(p.Series, s)
		}
		p.Marks = []Mark{{At: anyFloat(t, "mark"), Text: "<m>"}}
		p.Levels = []Level{{At: anyFloat(t, "level"), Text: "<l>"}}
		p.Notes = []Note{{X: anyFloat(t, "nx"), Y: anyFloat(t, "ny"), Text: "<n>"}}
		wellFormed(t, string(p.HTML()))
	})
}

func TestBarOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Bar{anyFloat(t, "v"), anyFloat(t, "l"), anyFloat(t, "h"), anyFloat(t, "limit"), anyFloat(t, "max"), Accent, rapid.SampledFrom([]string{"", "<b>"}).Draw(t, "title")}
		wellFormed(t, string(r.HTML()))
	})
}

// Ticks are few, ascending, and inside the range.
func TestTicks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low, high := anyFloat(t, "low"), anyFloat(t, "high")
		ticks := Ticks(low, high, rapid.IntRange(-1, 20).Draw(t, "n"))
		if len(ticks) > maxTicks || !slices.IsSorted(ticks) {
			t.Fatalf("%v", ticks)
		}
		slack := (high - low) * 1e-6
		for _, v := range ticks {
			if v < low-slack || v > high+slack {
				t.Fatalf("%v is not from %v to %v", v, low, high)
			}
		}
	})
	for _, c := range []struct {
		low, high float64
		n         int
		want      []float64
	}{
		{0, 10, 5, []float64{0, 2, 4, 6, 8, 10}},
		{67.1, 68.9, 4, []float64{67.5, 68, 68.5}},
		{-1, 1, 2, []float64{-1, 0, 1}},
		{5, 5, 4, nil},
		{1, 0, 4, nil},
	} {
		if got := Ticks(c.low, c.high, c.n); !slices.Equal(got, c.want) {
			t.Errorf("Ticks(%v, %v, %d) = %v, want %v", c.low, c.high, c.n, got, c.want)
		}
	}
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		v, step float64
		want    string
	}{
		{67.5, 0.5, "67.5"}, {1234567, 1, "1,234,567"}, {-1234.5, 0.5, "−1,234.5"}, {0, 20, "0"}, {0.25, 0.05, "0.25"}, {100, 50, "100"}, {1e20, 1e19, "1e+20"},
	} {
		if got := number(c.v, c.step); got != c.want {
			t.Errorf("number(%v, %v) = %q, want %q", c.v, c.step, got, c.want)
		}
	}
}

// A histogram counts each finite value once.
func TestHistogram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) float64 { return anyFloat(t, "v") }), 0, 50).Draw(t, "values")
		want, got := 0, 0.0
		for _, v := range values {
			if finite(v) {
				want++
			}
		}
		for _, p := range Histogram(values, 20) {
			got += p.Y
			if !finite(p.X) {
				t.Fatalf("a column at %v", p.X)
			}
		}
		if int(got) != want {
			t.Fatalf("%v values in the columns, want %d", got, want)
		}
	})
}

// Parts cover all indices.
func TestThin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count, n := rapid.IntRange(0, 1000).Draw(t, "count"), rapid.IntRange(1, 300).Draw(t, "n")
		bounds := Thin(count, n)
		if bounds[0] != 0 || bounds[len(bounds)-1] != count || len(bounds) > n+1 || !slices.IsSorted(bounds) {
			t.Fatalf("%v", bounds)
		}
	})
}
