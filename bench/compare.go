package bench

import "fmt"

// Comparison sets two results side by side.
type Comparison struct {
	Cases   []CaseComparison `json:"cases"` // that both have
	OnlyOld []string         `json:"only_old"`
	OnlyNew []string         `json:"only_new"`
	Notes   []string         `json:"notes"` // differences of the environments, flags of the runs
}

// CaseComparison tells how a case changed from the old result to the new.
type CaseComparison struct {
	Case string `json:"case"`
	// Rate is the change of the rate itself.
	Rate Change `json:"rate"`
	// Ratio is the change of the ratio to the reference. What slows the whole
	// machine, as a lower clock, moves the rate but not the ratio.
	Ratio *Change `json:"ratio,omitempty"`
}

// Change is a quotient of new to old, with bounds from the two 95 % intervals.
type Change struct {
	Old    float64 `json:"old"`
	New    float64 `json:"new"`
	Factor float64 `json:"factor"` // new / old
	Low    float64 `json:"low"`    // of the factor: new's lower end / old's upper end
	High   float64 `json:"high"`
}

// Slower reports whether the new value is lower and the two 95 % intervals do
// not meet. That is stricter than a test at 5 %.
func (c Change) Slower() bool { return c.High < 1 }

// Faster is the opposite of Slower.
func (c Change) Faster() bool { return c.Low > 1 }

// Slower reports whether the case got slower: by the ratio to the reference
// where both results have it, else by the rate.
func (c CaseComparison) Slower() bool {
	if c.Ratio != nil {
		return c.Ratio.Slower()
	}
	return c.Rate.Slower()
}

// Faster is the opposite of Slower.
func (c CaseComparison) Faster() bool {
	if c.Ratio != nil {
		return c.Ratio.Faster()
	}
	return c.Rate.Faster()
}

// Slower reports whether any case got slower.
func (c *Comparison) Slower() bool {
	for _, k := range c.Cases {
		if k.Slower() {
			return true
		}
	}
	return false
}

// Compare sets the cases of two results with the same ID side by side. It goes
// by their samples, whatever figures they state.
func Compare(old, new *Result) *Comparison {
	old, new = old.again(), new.again()
	c := &Comparison{Cases: []CaseComparison{}, OnlyOld: []string{}, OnlyNew: []string{}, Notes: notes(old, new)}
	before := map[string]*CaseResult{}
	for i := range old.Cases {
		before[old.Cases[i].ID] = &old.Cases[i]
	}
	for i := range new.Cases {
		b := &new.Cases[i]
		a := before[b.ID]
		if a == nil {
			c.OnlyNew = append(c.OnlyNew, b.ID)
			continue
		}
		delete(before, b.ID)
		k := CaseComparison{Case: b.ID, Rate: change(a.Rate.Median, a.Rate.Low, a.Rate.High, b.Rate.Median, b.Rate.Low, b.Rate.High)}
		if a.Ratio != nil && b.Ratio != nil {
			r := change(a.Ratio.Median, a.Ratio.Low, a.Ratio.High, b.Ratio.Median, b.Ratio.Low, b.Ratio.High)
			k.Ratio = &r
		}
		c.Cases = append(c.Cases, k)
	}
	for _, a := range old.Cases {
		if before[a.ID] != nil {
			c.OnlyOld = append(c.OnlyOld, a.ID)
		}
	}
	return c
}

func change(a, aLow, aHigh, b, bLow, bHigh float64) Change {
	return Change{Old: a, New: b, Factor: b / a, Low: bLow / aHigh, High: bHigh / aLow}
}

// notes tells what else differs between two results.
func notes(old, new *Result) []string {
	out := []string{}
	differs := func(what, a, b string) {
		if a != b {
			out = append(out, fmt.Sprintf("%s differs: %s, then %s", what, a, b))
		}
	}
	a, b := old.Environment, new.Environment
	differs("cpu", a.CPU.Brand, b.CPU.Brand)
	differs("system", a.OS+"/"+a.Arch, b.OS+"/"+b.Arch)
	differs("threads", fmt.Sprint(a.Threads), fmt.Sprint(b.Threads))
	differs("program", a.Version, b.Version)
	differs("go", a.Go, b.Go)
	for _, side := range []struct {
		name string
		r    *Result
	}{{"old", old}, {"new", new}} {
		for _, c := range side.r.Cases {
			for _, f := range c.Flags {
				out = append(out, fmt.Sprintf("%s: %s is flagged %s", side.name, c.ID, f))
			}
		}
	}
	return out
}
