package bench

import (
	"fmt"
	"math"
	"slices"
)

// Counted returns the samples that Rate describes: the quiet ones, or all if these are
// too few.
func (c *CaseResult) Counted() []Sample {
	if slices.Contains(c.Flags, FlagFewQuiet) {
		return c.Samples
	}
	var quiet []Sample
	for _, s := range c.Samples {
		if s.Quiet() {
			quiet = append(quiet, s)
		}
	}
	return quiet
}

// Recomputed returns a copy of the result whose figures follow from its samples, as
// those of a file by somebody else may not.
func (r *Result) Recomputed() *Result { return r.recomputed() }

// Modes returns the modes of which the result has cases, in the order of the tables.
func (r *Result) Modes() (measured []Mode) {
	for _, m := range modes() {
		if r.count(m) > 0 {
			measured = append(measured, m)
		}
	}
	return measured
}

// RateText is a rate with its 95 % interval for people: "68.2", "67.9" and "68.4" of the
// unit "MH/s".
type RateText struct{ Rate, Low, High, Unit string }

// String returns the text in one line.
func (t RateText) String() string {
	return fmt.Sprintf("%s %s (95 %% %s to %s)", t.Rate, t.Unit, t.Low, t.High)
}

// RateUnit returns the unit of rates with a prefix such as "M": "MH/s" or "Mheaders/s".
func (m Mode) RateUnit(prefix string) string {
	if m.Searches() {
		return prefix + "H/s"
	}
	return prefix + m.Unit() + "/s"
}

// RateText formats a rate with as many digits as its interval allows, between three and
// six, and the prefix that fits its size.
func (m Mode) RateText(s Stats) RateText {
	scale, prefix := Prefix(s.Median)
	digits := func(x float64) int { return int(math.Floor(math.Log10(x))) }
	decimals := 2 - digits(max(s.Median/scale, 1e-9))
	if width := (s.High - s.Low) / scale; width > 0 {
		decimals = max(decimals, -digits(width))
	}
	decimals = min(max(decimals, 0), 5-digits(max(s.Median/scale, 1)))
	format := func(x float64) string { return fmt.Sprintf("%.*f", max(decimals, 0), x/scale) }
	return RateText{format(s.Median), format(s.Low), format(s.High), m.RateUnit(prefix)}
}

// Prefix returns the largest unit prefix that leaves at least 1 of a value, and its
// scale: 1e6 and "M".
func Prefix(value float64) (scale float64, prefix string) {
	for _, p := range []struct {
		scale  float64
		prefix string
	}{{1e15, "P"}, {1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if value >= p.scale {
			return p.scale, p.prefix
		}
	}
	return 1, ""
}
