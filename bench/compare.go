package bench

import (
	"fmt"
	"slices"
	"strings"
)

// Comparison is the comparison of two results.
type Comparison struct {
	Verdict Verdict          `json:"verdict"` // of all cases together
	Cases   []CaseComparison `json:"cases"`   // in both results
	OnlyOld []string         `json:"only_old"`
	OnlyNew []string         `json:"only_new"`
	Notes   []string         `json:"notes"` // differences that make the results hard to compare, a line for each kind
}

// CaseComparison is the change of a case from the old result to the new.
type CaseComparison struct {
	Case string `json:"case"`
	// Rate is the change of the rate itself.
	Rate Change `json:"rate"`
	// Ratio is the change of the ratio to the reference.
	Ratio *Change `json:"ratio,omitempty"`
	// By is the quantity that decides the verdict.
	By      Basis   `json:"by"`
	Verdict Verdict `json:"verdict"`
}

// Basis is the quantity that decides the verdict on a case.
type Basis string

// The bases.
const (
	ByRate Basis = "rate"
	// ByRatio is for a CPU case, if both results divide by the same reference.
	// Anything that slows the whole machine, such as a lower clock, changes the
	// rate but not the ratio. ByRatio is not used if only the rate of the reference
	// has changed, because the ratio would only show that.
	ByRatio Basis = "ratio"
)

// Verdict is the outcome of a comparison of the new result with the old one. The
// words are stable.
type Verdict string

// String returns the verdict in words.
func (v Verdict) String() string { return strings.ReplaceAll(string(v), "-", " ") }

// The verdicts.
const (
	// Slower and Faster mean that the two 95 % intervals do not overlap, which is
	// stricter than a test at 5 %.
	Slower Verdict = "slower"
	Faster Verdict = "faster"
	// NoClearChange means that the intervals overlap.
	NoClearChange Verdict = "no-clear-change"
	// CannotTell means that a rate is not reliable: too few samples were
	// quiet, or the case found a wrong set of nonces or wrong answers.
	CannotTell Verdict = "cannot-tell"
)

// Change is the quotient of new and old, with bounds from the two 95 % intervals.
type Change struct {
	Old    float64 `json:"old"`
	New    float64 `json:"new"`
	Factor float64 `json:"factor"` // new / old
	Low    float64 `json:"low"`    // of the factor: new's lower end / old's upper end
	High   float64 `json:"high"`
}

// verdict judges by whether the intervals of the new and the old value overlap.
func (c Change) verdict() Verdict {
	switch {
	case c.High < 1:
		return Slower
	case c.Low > 1:
		return Faster
	}
	return NoClearChange
}

// Compare compares the cases of two results that have the same ID. It uses their
// samples and recomputes all figures.
func Compare(old, new *Result) *Comparison {
	old, new = old.Recomputed(), new.Recomputed()
	c := &comparer{
		old: old, new: new,
		unlike: referencesDiffer(old.Environment, new.Environment),
		result: &Comparison{Cases: []CaseComparison{}, OnlyOld: []string{}, OnlyNew: []string{}},
	}
	before := map[string]*CaseResult{}
	for i := range old.Cases {
		before[old.Cases[i].ID] = &old.Cases[i]
	}
	var verdicts []Verdict // of all but the reference
	for i := range new.Cases {
		b := &new.Cases[i]
		a := before[b.ID]
		if a == nil {
			c.result.OnlyNew = append(c.result.OnlyNew, b.ID)
			continue
		}
		delete(before, b.ID)
		k := c.compare(a, b)
		c.result.Cases = append(c.result.Cases, k)
		if b.Kernel != Reference {
			verdicts = append(verdicts, k.Verdict)
		}
	}
	for _, a := range old.Cases {
		if before[a.ID] != nil {
			c.result.OnlyOld = append(c.result.OnlyOld, a.ID)
		}
	}
	c.result.Verdict = summary(verdicts)
	c.result.Notes = c.notes()
	return c.result
}

// comparer is the state of a comparison.
type comparer struct {
	old, new *Result
	unlike   []string // differences between the references, see referencesDiffer
	ignored  []string // unlike, if that is why ratios do not count
	moved    []string // cases whose ratio only shows that the reference changed
	result   *Comparison
}

// compare compares a case of the old result with that of the new one.
func (c *comparer) compare(a, b *CaseResult) CaseComparison {
	k := CaseComparison{Case: b.ID, Rate: rateChange(a, b), By: ByRate}
	judged := k.Rate
	if a.Ratio != nil && b.Ratio != nil {
		r := change(a.Ratio.Median, a.Ratio.Low, a.Ratio.High, b.Ratio.Median, b.Ratio.Low, b.Ratio.High)
		k.Ratio = &r
		oldReference, newReference := c.old.caseOf(a.Ratio.To), c.new.caseOf(b.Ratio.To)
		switch {
		case b.Threads == 0:
		case len(c.unlike) > 0:
			c.ignored = c.unlike
		case !oldReference.Reliable() || !newReference.Reliable():
		case k.Rate.verdict() == NoClearChange && rateChange(oldReference, newReference).verdict() != NoClearChange:
			c.moved = append(c.moved, k.Case)
		default:
			judged, k.By = r, ByRatio
		}
	}
	k.Verdict = judged.verdict()
	if !a.Reliable() || !b.Reliable() {
		k.Verdict = CannotTell
	}
	return k
}

// summary returns the verdict on all cases but the reference, which only serves to
// measure the others. One slower case makes the new result slower. Without a case
// that can be judged the verdict is CannotTell.
func summary(verdicts []Verdict) Verdict {
	for _, v := range []Verdict{Slower, Faster, NoClearChange} {
		if slices.Contains(verdicts, v) {
			return v
		}
	}
	return CannotTell
}

// Reliable reports whether the rate of a case can be compared.
func (c *CaseResult) Reliable() bool {
	return !slices.Contains(c.Flags, FlagFewQuiet) && !c.wrong()
}

// caseOf returns the case with this ID, which must exist.
func (r *Result) caseOf(id string) *CaseResult {
	return &r.Cases[slices.IndexFunc(r.Cases, func(c CaseResult) bool { return c.ID == id })]
}

func rateChange(a, b *CaseResult) Change {
	return change(a.Rate.Median, a.Rate.Low, a.Rate.High, b.Rate.Median, b.Rate.Low, b.Rate.High)
}

func change(a, aLow, aHigh, b, bLow, bHigh float64) Change {
	return Change{Old: a, New: b, Factor: b / a, Low: bLow / aHigh, High: bHigh / aLow}
}

// notes returns the differences that make the two results hard to compare, a line
// for each kind: those of the environments, why ratios were ignored, and the flags
// of each result.
func (c *comparer) notes() []string {
	out := []string{}
	for _, d := range Differences(c.old, c.new) {
		out = append(out, fmt.Sprintf("%s differs: %s, then %s", d.What, d.Old, d.New))
	}
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if len(c.ignored) > 0 {
		add("CPU cases are judged by their rate, not by the ratio to the reference, because this differs: %s", strings.Join(c.ignored, ", "))
	}
	if len(c.moved) > 0 {
		add("judged by their rate, which did not change when that of the reference did: %s", strings.Join(c.moved, ", "))
	}
	out = append(out, c.old.doubts("old")...)
	return append(out, c.new.doubts("new")...)
}
