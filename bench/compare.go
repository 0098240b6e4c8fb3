package bench

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Comparison sets two results side by side.
type Comparison struct {
	Verdict Verdict          `json:"verdict"` // of all cases together
	Cases   []CaseComparison `json:"cases"`   // that both have
	OnlyOld []string         `json:"only_old"`
	OnlyNew []string         `json:"only_new"`
	Notes   []string         `json:"notes"` // what makes the results hard to compare, a line for each kind
}

// CaseComparison tells how a case changed from the old result to the new.
type CaseComparison struct {
	Case string `json:"case"`
	// Rate is the change of the rate itself.
	Rate Change `json:"rate"`
	// Ratio is the change of the ratio to the reference.
	Ratio *Change `json:"ratio,omitempty"`
	// By says which of the two the verdict goes by.
	By      Basis   `json:"by"`
	Verdict Verdict `json:"verdict"`
}

// Basis is what a case is judged by.
type Basis string

// The bases.
const (
	ByRate Basis = "rate"
	// ByRatio is for a CPU case, if both results divide by the same reference:
	// what slows the whole machine, as a lower clock, moves the rate but not
	// the ratio. Where the rate stands still and that of the reference does not,
	// the ratio would only show the latter.
	ByRatio Basis = "ratio"
)

// Verdict says how the new result compares with the old one.
type Verdict string

// String is the verdict for people.
func (v Verdict) String() string { return strings.ReplaceAll(string(v), "-", " ") }

// The verdicts.
const (
	// Slower and Faster mean that the two 95 % intervals do not meet. That is
	// stricter than a test at 5 %.
	Slower Verdict = "slower"
	Faster Verdict = "faster"
	// NoClearChange means that the intervals meet.
	NoClearChange Verdict = "no-clear-change"
	// CannotTell means that a rate is not reliable: too few samples were
	// quiet, or the search found a wrong set of nonces.
	CannotTell Verdict = "cannot-tell"
)

// Change is a quotient of new to old, with bounds from the two 95 % intervals.
type Change struct {
	Old    float64 `json:"old"`
	New    float64 `json:"new"`
	Factor float64 `json:"factor"` // new / old
	Low    float64 `json:"low"`    // of the factor: new's lower end / old's upper end
	High   float64 `json:"high"`
}

// verdict reports whether the intervals of the new and the old value meet.
func (c Change) verdict() Verdict {
	switch {
	case c.High < 1:
		return Slower
	case c.Low > 1:
		return Faster
	}
	return NoClearChange
}

// Compare sets the cases of two results with the same ID side by side. It goes
// by their samples, whatever figures they state.
func Compare(old, new *Result) *Comparison {
	old, new = old.again(), new.again()
	c := &Comparison{Cases: []CaseComparison{}, OnlyOld: []string{}, OnlyNew: []string{}}
	unlike := referencesDiffer(old.Environment, new.Environment)
	var ignored []string // why ratios do not count; nil: they do, or there are none
	var moved []string   // cases whose ratio only shows that the reference changed
	before := map[string]*CaseResult{}
	for i := range old.Cases {
		before[old.Cases[i].ID] = &old.Cases[i]
	}
	var verdicts []Verdict // of all but the reference
	for i := range new.Cases {
		b := &new.Cases[i]
		a := before[b.ID]
		if a == nil {
			c.OnlyNew = append(c.OnlyNew, b.ID)
			continue
		}
		delete(before, b.ID)
		k := CaseComparison{Case: b.ID, Rate: rateChange(a, b)}
		judged := k.Rate
		k.By = ByRate
		if a.Ratio != nil && b.Ratio != nil {
			r := change(a.Ratio.Median, a.Ratio.Low, a.Ratio.High, b.Ratio.Median, b.Ratio.Low, b.Ratio.High)
			k.Ratio = &r
			oldReference, newReference := old.caseOf(a.Ratio.To), new.caseOf(b.Ratio.To)
			switch {
			case b.Threads == 0:
			case len(unlike) > 0:
				ignored = unlike
			case !oldReference.reliable() || !newReference.reliable():
			case k.Rate.verdict() == NoClearChange && rateChange(oldReference, newReference).verdict() != NoClearChange:
				moved = append(moved, k.Case)
			default:
				judged, k.By = r, ByRatio
			}
		}
		k.Verdict = judged.verdict()
		if !a.reliable() || !b.reliable() {
			k.Verdict = CannotTell
		}
		c.Cases = append(c.Cases, k)
		if b.Kernel != Reference {
			verdicts = append(verdicts, k.Verdict)
		}
	}
	for _, a := range old.Cases {
		if before[a.ID] != nil {
			c.OnlyOld = append(c.OnlyOld, a.ID)
		}
	}
	c.Verdict = summary(verdicts)
	c.Notes = notes(old, new, ignored, moved)
	return c
}

// summary is the verdict on all cases but the reference, which is the measure of
// the others and no kernel that anybody uses: one slower case makes the new result
// slower, and it takes one case that can be judged to say anything.
func summary(verdicts []Verdict) Verdict {
	for _, v := range []Verdict{Slower, Faster, NoClearChange} {
		if slices.Contains(verdicts, v) {
			return v
		}
	}
	return CannotTell
}

// reliable reports whether the rate of a case can be compared.
func (c *CaseResult) reliable() bool {
	return !slices.Contains(c.Flags, FlagFewQuiet) && !slices.Contains(c.Flags, FlagWrongSet)
}

// caseOf returns the case with this ID, which the result has.
func (r *Result) caseOf(id string) *CaseResult {
	return &r.Cases[slices.IndexFunc(r.Cases, func(c CaseResult) bool { return c.ID == id })]
}

func rateChange(a, b *CaseResult) Change {
	return change(a.Rate.Median, a.Rate.Low, a.Rate.High, b.Rate.Median, b.Rate.Low, b.Rate.High)
}

func change(a, aLow, aHigh, b, bLow, bHigh float64) Change {
	return Change{Old: a, New: b, Factor: b / a, Low: bLow / aHigh, High: bHigh / aLow}
}

// referencesDiffer names what makes the references of two results different
// things, so that ratios to them cannot be compared.
func referencesDiffer(old, new Environment) (what []string) {
	for _, d := range []struct {
		name    string
		differs bool
	}{
		{"cpu", old.CPU.Brand != new.CPU.Brand},
		{"go", old.Go != new.Go},
		{"threads", old.Threads != new.Threads},
	} {
		if d.differs {
			what = append(what, d.name)
		}
	}
	return what
}

// notes returns what makes two results hard to compare, a line for each kind:
// what differs between them, why ratios were ignored, and the flags of each.
func notes(old, new *Result, ignored, moved []string) []string {
	out := []string{}
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	differs := func(what, a, b string) {
		if a != b {
			add("%s differs: %s, then %s", what, cmp.Or(a, "unknown"), cmp.Or(b, "unknown"))
		}
	}
	// An older result does not have everything.
	differsIfKnown := func(what, a, b string) {
		if a != "" && b != "" {
			differs(what, a, b)
		}
	}
	a, b := old.Environment, new.Environment
	differs("label", cmp.Or(a.Label, "none"), cmp.Or(b.Label, "none"))
	differs("cpu", a.CPU.Brand, b.CPU.Brand)
	differs("gpu", gpuNames(a), gpuNames(b))
	differsIfKnown("driver", a.Driver, b.Driver)
	differsIfKnown("power limit", old.powerLimits(), new.powerLimits())
	differs("system", a.OS+"/"+a.Arch, b.OS+"/"+b.Arch)
	differsIfKnown("kernel", a.Kernel, b.Kernel)
	differs("threads", fmt.Sprint(a.Threads), fmt.Sprint(b.Threads))
	differsIfKnown("what the process may use", a.allowed(), b.allowed())
	differs("governor", a.Governor, b.Governor)
	differs("hypervisor", cmp.Or(a.Virtual, "none"), cmp.Or(b.Virtual, "none"))
	differs("program", a.Version, b.Version)
	differs("go", a.Go, b.Go)
	differs("duration", fmt.Sprint(old.Settings.Duration, " s"), fmt.Sprint(new.Settings.Duration, " s"))
	if len(ignored) > 0 {
		add("CPU cases are judged by their rate, not by the ratio to the reference, since this differs: %s", strings.Join(ignored, ", "))
	}
	if len(moved) > 0 {
		add("judged by their rate, which did not change when that of the reference did: %s", strings.Join(moved, ", "))
	}
	for _, side := range []struct {
		name string
		r    *Result
	}{{"old", old}, {"new", new}} {
		if !side.r.Timing.Settled {
			add("%s: the warm-up ended before the rates stood still", side.name)
		}
		var failed []string
		for _, f := range side.r.Failed {
			failed = append(failed, f.Case)
		}
		if len(failed) > 0 {
			add("%s: failed: %s", side.name, strings.Join(failed, ", "))
		}
		for _, f := range flags {
			var ids []string
			for _, c := range side.r.Cases {
				if slices.Contains(c.Flags, f) {
					ids = append(ids, c.ID)
				}
			}
			if len(ids) > 0 {
				add("%s: flagged %s: %s", side.name, f, strings.Join(ids, ", "))
			}
		}
	}
	return out
}

// gpuNames lists the GPUs of a result with their models.
func gpuNames(e Environment) string {
	var names []string
	for _, d := range e.Devices {
		if d.Kind != "cpu" {
			names = append(names, d.ID+" "+d.Name)
		}
	}
	return cmp.Or(strings.Join(names, ", "), "none")
}
