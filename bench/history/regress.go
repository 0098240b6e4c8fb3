package history

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"slices"

	"stele/bench"
)

// Options are the options of [Regress].
type Options struct {
	// Confidence is the probability, of at least 0.5 and below 1, with which a run is
	// not reported as slower if nothing has changed. It holds for all cases of the run
	// together.
	Confidence float64
	// Baseline is how many earlier runs to compare with, at least [MinBaseline]; the
	// newest ones count.
	Baseline int
	// Case limits the decision to one case, by its ID or by what [CaseName] returns;
	// "" for all but the references.
	Case string
}

// MinBaseline is the smallest number of earlier runs that allow a decision.
const MinBaseline = 5

// Regression is the decision on the newest result.
type Regression struct {
	// Verdict is [bench.Slower] if any case is; else [bench.CannotTell] if any case
	// cannot be judged, or none can; else [bench.NoClearChange].
	Verdict    bench.Verdict      `json:"verdict"`
	Confidence float64            `json:"confidence"`
	Machine    bench.Machine      `json:"machine"`
	Newest     string             `json:"newest"`   // name of the result
	Baseline   []string           `json:"baseline"` // names of the results, newest first
	Cases      []CaseRegression   `json:"cases"`
	Changes    []bench.Difference `json:"changes"` // from the newest result of the baseline to the newest
	Reason     string             `json:"reason,omitempty"`
}

// CaseRegression is the decision on a case. Its figures are 0 if it could not be judged.
type CaseRegression struct {
	Case    string        `json:"case"` // as [CaseName] returns it
	Verdict bench.Verdict `json:"verdict"`
	Reason  string        `json:"reason,omitempty"` // why it cannot be judged
	// By is what is compared: the ratio to the reference of the same run for a case of
	// the CPU, the rate in items per second otherwise.
	By   bench.Basis `json:"by,omitempty"`
	Runs int         `json:"runs"` // of the baseline that count
	Old  float64     `json:"old"`  // geometric mean of the medians of these runs
	New  float64     `json:"new"`  // median of the newest run
	// Factor is New / Old.
	Factor float64 `json:"factor"`
	// Between is the standard deviation between these runs, as a fraction.
	Between float64 `json:"between"`
	// Chance is the probability of a value as low as New if nothing has changed,
	// corrected for the number of cases.
	Chance float64 `json:"chance"`
	// Detectable is the smallest slowdown that would be reported, as a fraction, were
	// this the slowest of all cases.
	Detectable float64 `json:"detectable"`

	test prediction
}

// Comparable reports whether an earlier result can decide about a newer one: it is of the
// same machine, with the same settings, number of threads and power limits, and has a
// reliable rate.
func Comparable(earlier, newest *bench.Result) bool {
	if earlier.Environment.Machine().ID != newest.Environment.Machine().ID || !reflect.DeepEqual(earlier.Settings, newest.Settings) {
		return false
	}
	unlike := slices.ContainsFunc(bench.Differences(earlier, newest), func(d bench.Difference) bool {
		return d.What == "threads" || d.What == "power limit"
	})
	return !unlike && slices.ContainsFunc(earlier.Recomputed().Cases, func(c bench.CaseResult) bool {
		return c.Kernel != bench.Reference && usable(&c)
	})
}

// Regress decides whether the newest result is worse than the earlier ones that are
// [Comparable], of which the first o.Baseline count. It uses the samples and recomputes
// all figures.
//
// The value of a run is the logarithm of a median. The values of the earlier runs give a
// prediction for that of the newest one, by Student's distribution, whose spread is that
// between the runs: it is larger than the spread within a run, which only bounds it from
// below. Holm's method corrects for the number of cases.
func Regress(newest bench.Named, earlier []bench.Named, o Options) *Regression {
	r := &Regression{
		Confidence: o.Confidence, Machine: newest.Environment.Machine(), Newest: newest.Name,
		Baseline: []string{}, Cases: []CaseRegression{}, Changes: []bench.Difference{},
	}
	var baseline []*bench.Result
	for _, e := range earlier {
		if len(baseline) < o.Baseline && Comparable(e.Result, newest.Result) {
			if len(baseline) == 0 {
				r.Changes = changesTo(e.Result, newest.Result)
			}
			r.Baseline = append(r.Baseline, e.Name)
			baseline = append(baseline, e.Recomputed())
		}
	}
	if len(baseline) < MinBaseline {
		r.Verdict = bench.CannotTell
		r.Reason = fmt.Sprintf("%d earlier runs of this machine with these settings, threads and power limits have a reliable rate: must be at least %d", len(baseline), MinBaseline)
		return r
	}
	d := decision{newest: newest.Recomputed(), baseline: baseline, alpha: 1 - o.Confidence}
	for _, name := range d.cases(o.Case) {
		r.Cases = append(r.Cases, d.judge(name))
	}
	judged := correct(r.Cases, d.alpha)
	for i := range r.Cases {
		if k := &r.Cases[i]; k.Reason == "" {
			k.Detectable = k.test.detectable(d.alpha / float64(judged))
		}
	}
	r.conclude(o.Case)
	return r
}

// changesTo returns what may have changed the speed from one run to the next.
func changesTo(old, new *bench.Result) []bench.Difference {
	changes := marks(old, new)
	before := map[string]string{}
	for _, c := range old.Cases {
		before[CaseName(old.Settings, c.Spec)] = c.Kernel
	}
	for _, c := range new.Cases {
		name := CaseName(new.Settings, c.Spec)
		if kernel, known := before[name]; known && kernel != c.Kernel {
			changes = append(changes, bench.Difference{What: kernelOf + name, Old: kernel, New: c.Kernel})
		}
	}
	return changes
}

// conclude sets the verdict on all cases.
func (r *Regression) conclude(asked string) {
	count := map[bench.Verdict]int{}
	for _, c := range r.Cases {
		count[c.Verdict]++
	}
	switch {
	case len(r.Cases) == 0:
		r.Verdict, r.Reason = bench.CannotTell, "there is no case to judge"
		if asked != "" {
			r.Reason = fmt.Sprintf("the result has no case %.80q", asked)
		}
	case count[bench.Slower] > 0:
		r.Verdict = bench.Slower
	case count[bench.CannotTell] > 0:
		r.Verdict = bench.CannotTell
		r.Reason = fmt.Sprintf("%d of %d cases cannot be judged", count[bench.CannotTell], len(r.Cases))
	default:
		r.Verdict = bench.NoClearChange
	}
}

// decision is what the decisions on the cases are based on. All figures are recomputed.
type decision struct {
	newest   *bench.Result
	baseline []*bench.Result
	alpha    float64 // 1 less the confidence
}

// find returns the case of a result with a name, or nil.
func find(r *bench.Result, name string) *bench.CaseResult {
	for i := range r.Cases {
		if CaseName(r.Settings, r.Cases[i].Spec) == name {
			return &r.Cases[i]
		}
	}
	return nil
}

// cases returns the names of the cases to judge: those of the newest result that are not
// new, and those that every run of the baseline has.
func (d *decision) cases(asked string) (names []string) {
	add := func(r *bench.Result, c *bench.CaseResult) {
		name := CaseName(r.Settings, c.Spec)
		wanted := asked == name || asked == c.ID || asked == "" && c.Kernel != bench.Reference
		if wanted && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for i := range d.newest.Cases {
		c := &d.newest.Cases[i]
		name := CaseName(d.newest.Settings, c.Spec)
		if d.runsOf(name) >= MinBaseline || asked != "" {
			add(d.newest, c)
		}
	}
	first := d.baseline[0]
	for i := range first.Cases {
		name := CaseName(first.Settings, first.Cases[i].Spec)
		if d.runsOf(name) == len(d.baseline) {
			add(first, &first.Cases[i])
		}
	}
	return names
}

// runsOf returns how many runs of the baseline have a case.
func (d *decision) runsOf(name string) (n int) {
	for _, r := range d.baseline {
		if find(r, name) != nil {
			n++
		}
	}
	return n
}

// judge tests a case. The chance is not yet corrected for the number of cases.
func (d *decision) judge(name string) CaseRegression {
	k := CaseRegression{Case: name, Verdict: bench.CannotTell}
	c := find(d.newest, name)
	switch {
	case c == nil:
		k.Reason = "the newest run lacks it"
		for _, f := range d.newest.Failed {
			k.Reason += fmt.Sprintf("; failed: %.80s: %.200s", f.Case, f.Reason)
		}
		return k
	case !usable(c):
		k.Reason = fmt.Sprintf("the newest run was disturbed: %v", c.Flags)
		return k
	}
	k.By = bench.ByRate
	test, enough := d.test(name, byRate)
	if ratio, possible := d.test(name, d.byRatio); possible && c.Threads > 0 && !d.onlyReferenceMoved(c, test) {
		k.By, test, enough = bench.ByRatio, ratio, true
	}
	k.Runs = test.runs
	if !enough {
		k.Reason = fmt.Sprintf("%d earlier runs have a reliable rate: must be at least %d", test.runs, MinBaseline)
		return k
	}
	k.Old, k.New, k.Factor = math.Exp(test.expected), math.Exp(test.value), math.Exp(test.value-test.expected)
	k.Between, k.Chance, k.test = test.between, test.below(), test
	return k
}

// usable reports whether the rate of a case can be judged.
func usable(c *bench.CaseResult) bool {
	return c.Reliable() && !slices.Contains(c.Flags, bench.FlagShared)
}

// onlyReferenceMoved reports whether the rate of a case is as before, but not that of its
// reference. The ratio would only show the reference.
func (d *decision) onlyReferenceMoved(c *bench.CaseResult, rate prediction) bool {
	if c.Ratio == nil || rate.runs < MinBaseline || rate.below() <= d.alpha {
		return false
	}
	reference, enough := d.test(c.Ratio.To, byRate)
	return enough && 2*min(reference.below(), 1-reference.below()) <= d.alpha
}

// test predicts the value of a case in the newest run from those of the baseline. It is
// not possible with fewer than MinBaseline runs, or if the newest run has no value.
func (d *decision) test(name string, value func(*bench.Result, *bench.CaseResult) (observation, bool)) (prediction, bool) {
	var before []observation
	for _, r := range d.baseline {
		if c := find(r, name); c != nil && usable(c) {
			if o, known := value(r, c); known {
				before = append(before, o)
			}
		}
	}
	c := find(d.newest, name)
	if c == nil || len(before) < MinBaseline {
		return prediction{runs: len(before)}, false
	}
	o, known := value(d.newest, c)
	return predict(before, o), known
}

// byRate is the rate of a case as an observation.
func byRate(_ *bench.Result, c *bench.CaseResult) (observation, bool) {
	return observe(c.Rate.Median, c.Rate.Low, c.Rate.High), true
}

// byRatio is the ratio of a case to the reference as an observation. It is not known
// without a reliable reference, or with a reference of another version of Go than in
// the newest run.
func (d *decision) byRatio(r *bench.Result, c *bench.CaseResult) (observation, bool) {
	if c.Ratio == nil || r.Environment.Go != d.newest.Environment.Go {
		return observation{}, false
	}
	reference := find(r, c.Ratio.To)
	return observe(c.Ratio.Median, c.Ratio.Low, c.Ratio.High), reference != nil && usable(reference)
}

// correct corrects the chances of the cases that can be judged for their number, by
// Holm's method, sets their verdicts, and returns their number.
func correct(cases []CaseRegression, alpha float64) int {
	var judged []*CaseRegression
	for i := range cases {
		if cases[i].Reason == "" {
			judged = append(judged, &cases[i])
		}
	}
	slices.SortStableFunc(judged, func(a, b *CaseRegression) int { return cmp.Compare(a.Chance, b.Chance) })
	corrected := 0.0
	for i, k := range judged {
		corrected = max(corrected, min(1, k.Chance*float64(len(judged)-i)))
		k.Chance, k.Verdict = corrected, bench.NoClearChange
		if corrected <= alpha {
			k.Verdict = bench.Slower
		}
	}
	return len(judged)
}
