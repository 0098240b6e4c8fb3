package bench

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"strings"

	"stele/internal/stat"
)

// Named is a result and the name of its file, by which people know it.
type Named struct {
	Name string
	*Result
}

// Merged is what one or more runs of a machine show: runs with the same program,
// version of Go, driver and power limits.
type Merged struct {
	// Name is unique among those that one call of Merge returns: the name of the
	// machine, with what distinguishes it from others of the same name.
	Name    string  `json:"name"`
	Machine Machine `json:"machine"`
	Version string  `json:"version"` // of the program
	Go      string  `json:"go"`
	Driver  string  `json:"driver,omitempty"`
	Power   string  `json:"power_limits,omitempty"`
	// Runs has the names of the results, oldest first.
	Runs  []string     `json:"runs"`
	Cases []MergedCase `json:"cases"`
	Notes []string     `json:"notes"` // doubts about the runs, a line for each kind
}

// MergedCase is a case of one or more runs.
type MergedCase struct {
	ID string `json:"id"`
	Spec
	Model string `json:"model,omitempty"` // of the GPU
	// Rate is in items per second.
	Rate  Estimate  `json:"rate"`
	Ratio *Estimate `json:"ratio,omitempty"` // to the reference; nil if a run lacks it
	// LeftOut is the number of runs that do not count because their rate is not
	// reliable. If no run is reliable, all of them count.
	LeftOut int    `json:"left_out,omitempty"`
	Flags   []Flag `json:"flags"` // of the runs that count
}

// Estimate is what runs show about a quantity.
type Estimate struct {
	Runs   int     `json:"runs"`
	Median float64 `json:"median"` // of the medians of the runs
	// Low and High are the bounds of the 95 % interval: for one run that of the run.
	// For several it follows from the spread between the runs; it is never narrower
	// than the intervals within them allow.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Between is the standard deviation of the medians of the runs, as a fraction of
	// the median; 0 for one run.
	Between float64 `json:"between"`
}

// quantity is a median of one run with its 95 % interval.
type quantity struct{ median, low, high float64 }

// normal95 is the number of standard deviations in half of a 95 % interval.
const normal95 = 1.959964

// estimate merges the medians of runs, which must be positive. The logarithms of the
// medians vary by what differs between runs and by the error within each. Their sample
// variance contains both; it is replaced by the mean variance within the runs where that
// is larger, as chance can make it with few runs. The interval is that of Student's t,
// widened for the median of more than two values, whose variance is larger than that of
// the mean by up to pi/2.
func estimate(runs []quantity) Estimate {
	n := len(runs)
	if n == 1 {
		return Estimate{Runs: 1, Median: runs[0].median, Low: runs[0].low, High: runs[0].high}
	}
	var medians, logs []float64
	within := 0.0
	for _, q := range runs {
		medians = append(medians, q.median)
		logs = append(logs, math.Log(q.median))
		deviation := math.Log(q.high/q.low) / (2 * normal95)
		within += deviation * deviation / float64(n)
	}
	_, variance := meanAndVariance(logs)
	half := stat.StudentQuantile(0.025, n-1) * math.Sqrt(max(variance, within)/float64(n))
	if n > 2 {
		half *= math.Sqrt(math.Pi / 2)
	}
	e := Estimate{Runs: n, Median: Median(medians), Between: math.Sqrt(variance)}
	e.Low, e.High = e.Median*math.Exp(-half), e.Median*math.Exp(half)
	return e
}

// meanAndVariance returns the mean and the sample variance of two or more values.
func meanAndVariance(values []float64) (mean, variance float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	for _, v := range values {
		variance += (v - mean) * (v - mean) / (n - 1)
	}
	return mean, variance
}

// Merge merges runs of the same machine with the same program, version of Go, driver and
// power limits, and returns one or more in the order in which they first appear. A result
// that is given twice counts once. Merge uses the samples and recomputes all figures.
func Merge(results []Named) []*Merged {
	var all []*Merged
	runs := map[*Merged][]Named{}
	seen := map[[sha256.Size]byte]bool{}
	for _, r := range results {
		digest := r.digest()
		if seen[digest] {
			continue
		}
		seen[digest] = true
		r.Result = r.Recomputed()
		e := r.Environment
		m := &Merged{Machine: e.Machine(), Version: e.Version, Go: e.Go, Driver: e.Driver, Power: r.powerLimits()}
		i := slices.IndexFunc(all, m.isAlike)
		if i < 0 {
			all = append(all, m)
		} else {
			m = all[i]
		}
		runs[m] = append(runs[m], r)
	}
	for _, m := range all {
		m.merge(runs[m])
	}
	name(all)
	return all
}

// digest returns the digest of the file of a result.
func (r *Result) digest() (digest [sha256.Size]byte) {
	h := sha256.New()
	_ = r.Encode(h) // what Parse returns can be encoded, and a hash takes all
	h.Sum(digest[:0])
	return digest
}

// isAlike reports whether runs of m and other can be merged.
func (m *Merged) isAlike(other *Merged) bool {
	return m.Machine.ID == other.Machine.ID && m.Version == other.Version && m.Go == other.Go && m.Driver == other.Driver && m.Power == other.Power
}

// merge adds the runs.
func (m *Merged) merge(runs []Named) {
	slices.SortStableFunc(runs, func(a, b Named) int { return a.Started.Compare(b.Started) })
	m.Runs, m.Cases, m.Notes = []string{}, []MergedCase{}, []string{}
	at := map[string]int{}
	found := [][]CaseResult{} // by index in m.Cases
	for _, r := range runs {
		m.Runs = append(m.Runs, r.Name)
		for _, c := range r.Cases {
			model := r.Environment.model(c.Spec)
			key := c.ID + "\x00" + model
			i, known := at[key]
			if !known {
				i = len(m.Cases)
				at[key] = i
				m.Cases = append(m.Cases, MergedCase{ID: c.ID, Spec: c.Spec, Model: model})
				found = append(found, nil)
			}
			found[i] = append(found[i], c)
		}
	}
	for i := range m.Cases {
		m.Cases[i].merge(found[i])
	}
	m.addDoubts(runs)
}

// addDoubts adds a note for each kind of doubt about the runs.
func (m *Merged) addDoubts(runs []Named) {
	add := func(what string, concerns func(r Named) (cases []string, doubtful bool)) {
		concerned := 0
		var cases []string
		for _, r := range runs {
			ids, doubtful := concerns(r)
			if !doubtful {
				continue
			}
			concerned++
			for _, id := range ids {
				if !slices.Contains(cases, id) {
					cases = append(cases, id)
				}
			}
		}
		if concerned > 0 {
			m.Notes = append(m.Notes, fmt.Sprintf("%s in %d of %s%s", what, concerned, Count(len(runs), "run"), optional(": ", strings.Join(cases, ", "))))
		}
	}
	add("the warm-up ended before the rates were steady", func(r Named) ([]string, bool) { return nil, !r.Timing.Settled })
	add("failed", func(r Named) (cases []string, _ bool) {
		for _, f := range r.Failed {
			cases = append(cases, f.Case)
		}
		return cases, len(cases) > 0
	})
	for _, f := range flags {
		add("flagged "+string(f), func(r Named) ([]string, bool) { ids := r.flagged(f); return ids, len(ids) > 0 })
	}
}

// merge computes the figures of a case from those of the runs.
func (k *MergedCase) merge(runs []CaseResult) {
	reliable := slices.DeleteFunc(slices.Clone(runs), func(c CaseResult) bool { return !c.Reliable() })
	if len(reliable) > 0 {
		k.LeftOut = len(runs) - len(reliable)
		runs = reliable
	}
	var rates, ratios []quantity
	for _, c := range runs {
		rates = append(rates, quantity{c.Rate.Median, c.Rate.Low, c.Rate.High})
		if c.Ratio != nil {
			ratios = append(ratios, quantity{c.Ratio.Median, c.Ratio.Low, c.Ratio.High})
		}
	}
	k.Rate = estimate(rates)
	if len(ratios) == len(runs) {
		ratio := estimate(ratios)
		k.Ratio = &ratio
	}
	k.Flags = []Flag{}
	for _, f := range flags {
		if slices.ContainsFunc(runs, func(c CaseResult) bool { return slices.Contains(c.Flags, f) }) {
			k.Flags = append(k.Flags, f)
		}
	}
}

// name gives each a name of its own: that of its machine, and where several have it,
// what differs among these.
func name(all []*Merged) {
	for _, m := range all {
		m.Name = m.Machine.Name
	}
	for _, part := range []func(m *Merged) string{
		func(m *Merged) string { return optional("stele ", m.Version) },
		func(m *Merged) string { return m.Go },
		func(m *Merged) string { return optional("driver ", m.Driver) },
		func(m *Merged) string { return m.Power },
		func(m *Merged) string { return m.Machine.ID },
	} {
		values := map[string]map[string]bool{} // of this part, by name
		for _, m := range all {
			if values[m.Name] == nil {
				values[m.Name] = map[string]bool{}
			}
			values[m.Name][part(m)] = true
		}
		for _, m := range all {
			if text := part(m); len(values[m.Name]) > 1 && text != "" {
				m.Name = fmt.Sprintf("%s, %s", m.Name, text)
			}
		}
	}
}
