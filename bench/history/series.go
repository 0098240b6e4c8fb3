package history

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"stele/bench"
)

// Machine is the history of one machine.
type Machine struct {
	bench.Machine
	Runs    int         `json:"runs"`
	First   time.Time   `json:"first"` // start of the first run, UTC
	Last    time.Time   `json:"last"`
	Series  []Series    `json:"series"`
	Changes []ChangedAt `json:"changes"` // oldest first
}

// Series is one kind of work over time.
type Series struct {
	Case   string     `json:"case"` // as [CaseName] returns it
	Mode   bench.Mode `json:"mode"`
	Unit   string     `json:"unit"`   // rates are in units per second
	Points []Point    `json:"points"` // oldest first
}

// Point is a case of one run.
type Point struct {
	Run      string       `json:"run"` // the name of the result
	Started  time.Time    `json:"started"`
	ID       string       `json:"id"` // of the case
	Kernel   string       `json:"kernel,omitempty"`
	Rate     float64      `json:"rate"` // median
	Low      float64      `json:"low"`  // of its 95 % interval
	High     float64      `json:"high"`
	Ratio    *bench.Ratio `json:"ratio,omitempty"` // to the reference of the same run
	Reliable bool         `json:"reliable"`
	Flags    []bench.Flag `json:"flags"`
}

// ChangedAt is a difference between a run and the one before it on the same machine.
type ChangedAt struct {
	Started time.Time `json:"started"` // of the later run
	bench.Difference
}

// CaseName returns the name under which a case is followed over time. If the program
// chose the kernel, the name does not have it, as in "search/cpu/2" or "search/cuda:0": a
// history goes on when another kernel is chosen. Otherwise, and for the reference, it is
// the ID of the case.
func CaseName(settings bench.Settings, spec bench.Spec) string {
	if settings.Kernel != "" || spec.Kernel == bench.Reference || spec.Device == bench.All {
		return spec.ID()
	}
	name := string(spec.Mode) + "/" + spec.Device
	if spec.Threads > 0 {
		name += fmt.Sprint("/", spec.Threads)
	}
	return name
}

// Machines arranges results by machine and case. The machine with the newest result
// comes first. It uses the samples and recomputes all figures.
func Machines(results []bench.Named) []Machine {
	sorted := slices.Clone(results)
	slices.SortStableFunc(sorted, func(a, b bench.Named) int { return a.Started.Compare(b.Started) })
	all := []Machine{}
	previous := map[string]*bench.Result{}
	for _, r := range sorted {
		id := r.Environment.Machine()
		i := slices.IndexFunc(all, func(m Machine) bool { return m.ID == id.ID })
		if i < 0 {
			i = len(all)
			all = append(all, Machine{Machine: id, First: r.Started, Series: []Series{}, Changes: []ChangedAt{}})
		}
		m := &all[i]
		m.Runs++
		m.Last = r.Started
		if before := previous[m.ID]; before != nil {
			m.addChanges(r.Started, marks(before, r.Result))
		}
		previous[m.ID] = r.Result
		m.add(r)
	}
	slices.SortStableFunc(all, func(a, b Machine) int { return b.Last.Compare(a.Last) })
	return all
}

// add adds the cases of a result.
func (m *Machine) add(r bench.Named) {
	for _, c := range r.Recomputed().Cases {
		name := CaseName(r.Settings, c.Spec)
		i := slices.IndexFunc(m.Series, func(s Series) bool { return s.Case == name })
		if i < 0 {
			i = len(m.Series)
			m.Series = append(m.Series, Series{Case: name, Mode: c.Mode, Unit: c.Unit})
		}
		s := &m.Series[i]
		if n := len(s.Points); n > 0 && s.Points[n-1].Kernel != c.Kernel {
			m.addChanges(r.Started, []bench.Difference{{What: kernelOf + name, Old: s.Points[n-1].Kernel, New: c.Kernel}})
		}
		s.Points = append(s.Points, Point{
			Run: r.Name, Started: r.Started, ID: c.ID, Kernel: c.Kernel,
			Rate: c.Rate.Median, Low: c.Rate.Low, High: c.Rate.High, Ratio: c.Ratio,
			Reliable: c.Reliable(), Flags: c.Flags,
		})
	}
}

// Only returns the machines with only the case that has this name or this ID, and the
// changes that concern it.
func Only(machines []Machine, id string) []Machine {
	found := []Machine{}
	for _, m := range machines {
		all := m.Series
		m.Series = nil
		for _, s := range all {
			if s.Case != id {
				s.Points = slices.DeleteFunc(slices.Clone(s.Points), func(p Point) bool { return p.ID != id })
			}
			if len(s.Points) > 0 {
				m.Series = append(m.Series, s)
			}
		}
		m.Changes = slices.DeleteFunc(slices.Clone(m.Changes), func(c ChangedAt) bool {
			name, ofCase := strings.CutPrefix(c.What, kernelOf)
			return ofCase && !slices.ContainsFunc(m.Series, func(s Series) bool { return s.Case == name })
		})
		if len(m.Series) > 0 {
			found = append(found, m)
		}
	}
	return found
}

// kernelOf begins the name of the difference that another kernel was chosen for a case.
const kernelOf = "kernel of "

func (m *Machine) addChanges(at time.Time, changes []bench.Difference) {
	for _, d := range changes {
		m.Changes = append(m.Changes, ChangedAt{at, d})
	}
}

// marked lists the differences that may change the speed of one machine.
var marked = []string{"program", "go", "driver", "kernel", "governor", "power limit", "threads", "limit of the process"}

// marks returns the differences between two runs of one machine that may change its
// speed.
func marks(old, new *bench.Result) []bench.Difference {
	return slices.DeleteFunc(bench.Differences(old, new), func(d bench.Difference) bool { return !slices.Contains(marked, d.What) })
}
