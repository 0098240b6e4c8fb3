package report

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"stele/bench"
	"stele/internal/text"
)

// Source is a result to present.
type Source struct {
	Name   string        // of the file or the machine, for readers; "" for the label of the result
	Result *bench.Result // not changed
	Check  *bench.Report // what [bench.Check] found; nil if it was not checked
}

// ErrEmpty is the error of a report without a result.
var ErrEmpty = errors.New("no result to report")

// maxName is how much of a name is shown, in bytes.
const maxName = 120

// prepare returns the sources with recomputed figures, and names that differ.
func prepare(sources []Source) ([]Source, error) {
	if len(sources) == 0 {
		return nil, ErrEmpty
	}
	var prepared []Source
	seen := map[string]int{}
	for _, s := range sources {
		s.Result = s.Result.Recomputed()
		e := s.Result.Environment
		s.Name = text.Clean(cmp.Or(s.Name, e.Label, e.CPU.Brand, "result"), maxName)
		if seen[s.Name]++; seen[s.Name] > 1 {
			s.Name = fmt.Sprintf("%s (%d)", s.Name, seen[s.Name])
		}
		prepared = append(prepared, s)
	}
	return prepared, nil
}

// modesOf returns the modes that any of the sources has, in the order of the first.
func modesOf(sources []Source) (all []bench.Mode) {
	for _, s := range sources {
		for _, m := range s.Result.Modes() {
			if !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
	}
	return all
}

// best is the fastest case of a mode in a source.
type best struct {
	Source
	Index int // of the source
	Case  bench.CaseResult
}

// ranking returns the fastest case of each source that has a headline of the mode, from
// the fastest to the slowest.
func ranking(sources []Source, mode bench.Mode) (ranked []best) {
	for i, s := range sources {
		if c := headline(s.Result, mode); c != nil {
			ranked = append(ranked, best{s, i, *c})
		}
	}
	slices.SortStableFunc(ranked, func(a, b best) int { return cmp.Compare(b.Case.Rate.Median, a.Case.Rate.Median) })
	return ranked
}

// headline returns the fastest case of a mode, nil if there is none.
func headline(r *bench.Result, mode bench.Mode) *bench.CaseResult {
	h, ok := r.Headlines[mode]
	if !ok {
		return nil
	}
	for i := range r.Cases {
		if r.Cases[i].ID == h.Case {
			return &r.Cases[i]
		}
	}
	return nil
}

// quotient is a rate relative to another, with the bounds that the two 95 % intervals
// give.
type quotient struct{ Value, Low, High float64 }

func quotientOf(a, to bench.Stats) quotient {
	return quotient{a.Median / to.Median, a.Low / to.High, a.High / to.Low}
}

func (q quotient) String() string { return fmt.Sprintf("%.3f (%.3f to %.3f)", q.Value, q.Low, q.High) }

// flagText explains the flags of cases, for somebody who quotes a rate.
var flagText = map[bench.Flag]string{
	bench.FlagDisturbed:    "more than a quarter of the slices were disturbed by something else on the machine",
	bench.FlagFewQuiet:     "fewer than 10 slices were quiet, so the rate is that of all slices",
	bench.FlagDrift:        "the second half of the run differs from the first by more than 3 %",
	bench.FlagThrottled:    "the driver held the clock of the GPU back",
	bench.FlagClockChanged: "the clock of the GPU varied by more than 3 %",
	bench.FlagShared:       "other programs used the GPU",
	bench.FlagWrongSet:     "the search did not find the known set of nonces",
	bench.FlagWrongAnswers: "the answers were not the known ones",
}

// explain returns a flag with its explanation.
func explain(f bench.Flag) string {
	if t := flagText[f]; t != "" {
		return string(f) + ": " + t
	}
	return string(f)
}
