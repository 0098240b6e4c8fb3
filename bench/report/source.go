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

// comparison is the fastest case of each machine, by mode.
type comparison struct {
	modes  []bench.Mode // with two machines, or several runs of one
	ranked map[bench.Mode][]best
	notes  []string // why something is not compared
}

// best is the fastest case of a mode on a machine.
type best struct {
	Name  string // of the machine
	Index int    // of the source: its newest run
	Runs  int    // that were merged
	// Case is that of the newest run, with the rate and the flags of all of them.
	Case   bench.CaseResult
	Result *bench.Result // of the newest run
}

// compare ranks the machines. Runs of one machine are merged.
func compare(sources []Source) comparison {
	var named []bench.Named
	for _, s := range sources {
		named = append(named, bench.Named{Name: s.Name, Result: s.Result})
	}
	machines := bench.Merge(named)
	ranking := bench.Rank(machines, "")
	c := comparison{ranked: map[bench.Mode][]best{}, notes: ranking.Notes}
	for _, g := range ranking.Fastest {
		var ranked []best
		for _, p := range g.Places {
			m := machines[slices.IndexFunc(machines, func(m *bench.Merged) bool { return m.Name == p.Machine })]
			if b, ok := newest(sources, m, p); ok {
				ranked = append(ranked, b)
			}
		}
		if len(ranked) > 1 || len(ranked) == 1 && ranked[0].Runs > 1 {
			c.modes = append(c.modes, g.Mode)
			c.ranked[g.Mode] = ranked
		}
	}
	return c
}

// newest returns the case of a place in the newest run of its machine that has it.
func newest(sources []Source, m *bench.Merged, p bench.Place) (best, bool) {
	for _, run := range slices.Backward(m.Runs) {
		i := slices.IndexFunc(sources, func(s Source) bool { return s.Name == run })
		r := sources[i].Result
		if j := slices.IndexFunc(r.Cases, func(c bench.CaseResult) bool { return c.ID == p.Case }); j >= 0 {
			c := r.Cases[j]
			c.Rate.Median, c.Rate.Low, c.Rate.High, c.Flags = p.Rate.Median, p.Rate.Low, p.Rate.High, p.Flags
			return best{Name: m.Name, Index: i, Runs: p.Rate.Runs, Case: c, Result: r}, true
		}
	}
	return best{}, false
}

// what names the device of the case, and how many runs were merged.
func (b *best) what() string {
	device := machine(b.Result)
	for _, d := range b.Result.Environment.Devices {
		if d.ID == b.Case.Device && d.Kind != "cpu" {
			device = d.Name
		}
	}
	text := device + ", " + b.Case.Words()
	if b.Runs > 1 {
		text += fmt.Sprintf(", %d runs", b.Runs)
	}
	return text
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
