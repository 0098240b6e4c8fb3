package report

import (
	"cmp"
	"fmt"
	"strings"

	"stele/bench"
)

// notKnown stands where a value is not known.
const notKnown = "–"

// title is the name of a mode at the beginning of a title.
func title(m bench.Mode) string {
	words := strings.ReplaceAll(string(m), "-", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

// machine names the processor of a result.
func machine(r *bench.Result) string {
	e := r.Environment
	text := cmp.Or(e.CPU.Brand, "an unknown processor")
	if e.Microarchitecture != "" {
		text += " (" + e.Microarchitecture + ")"
	}
	return text
}

// rateWords is a rate with its unit.
func rateWords(m bench.Mode, s bench.Stats) string {
	t := m.RateText(s)
	return t.Rate + " " + t.Unit
}

// scaled formats a value with three digits, a prefix and a unit.
func scaled(x float64, unit string) string {
	scale, prefix := bench.Prefix(x)
	return fmt.Sprintf("%.3g %s%s", x/scale, prefix, unit)
}

func hertz(x float64) string {
	if x <= 0 {
		return "which is not known"
	}
	return scaled(x, "Hz")
}

func percent(x float64) string { return fmt.Sprintf("%.0f %%", x*100) }

func percent1(x float64) string { return fmt.Sprintf("%.1f %%", x*100) }

// itemWord names an item of a mode in short units.
func itemWord(m bench.Mode) string {
	if m.Searches() {
		return "H"
	}
	return m.Unit()
}

func limitText(c *bench.CaseResult) string {
	if c.Limit == nil {
		return notKnown
	}
	return percent(c.Limit.Share)
}

// limitRate is the rate that the limit of a case allows; 0 if it is not known.
func limitRate(c *bench.CaseResult) float64 {
	if c.Limit == nil || !(c.Limit.Share > 0) {
		return 0
	}
	return c.Rate.Median / c.Limit.Share
}

func energyText(c *bench.CaseResult) string {
	switch {
	case c.PerJoule != nil:
		return scaled(c.PerJoule.Median, itemWord(c.Mode)+"/J")
	case c.Joules > 0:
		return scaled(1/c.Joules, itemWord(c.Mode)+"/J")
	}
	return notKnown
}

// doubts are the flags of a case as marks.
func doubts(flags []bench.Flag) (marks []mark) {
	for _, f := range flags {
		class := "wait"
		if f == bench.FlagWrongSet || f == bench.FlagWrongAnswers {
			class = "bad"
		}
		marks = append(marks, mark{class, string(f)})
	}
	return marks
}

// ratioText is a quotient; notKnown for none.
func ratioText(r *bench.Ratio) string {
	if r == nil {
		return notKnown
	}
	if r.Median >= 10 {
		return fmt.Sprintf("%.4g", r.Median)
	}
	return fmt.Sprintf("%.3f", r.Median)
}
