package bench

import (
	"cmp"
	"slices"
	"strings"
)

// Ranking puts machines side by side, each case sorted from the fastest to the slowest.
type Ranking struct {
	// Base is the name of the one that the others are divided by; "" for the fastest of
	// each case.
	Base     string    `json:"base,omitempty"`
	Machines []*Merged `json:"machines"`
	// Fastest has a group for each mode: the fastest case of each machine, which need
	// not be the same case.
	Fastest []Group `json:"fastest"`
	// Cases has a group for each case that two or more machines have, on GPUs of the
	// same model; with one machine, for each case.
	Cases []Group  `json:"cases"`
	Alone []Alone  `json:"alone"` // what only one machine has
	Notes []string `json:"notes"` // why cases are not compared; Machines has the doubts about each
}

// Alone has the cases that no other machine has.
type Alone struct {
	Machine string   `json:"machine"` // the name of a Merged
	Cases   []string `json:"cases"`
}

// Group is the same work done by several machines.
type Group struct {
	Case   string  `json:"case,omitempty"` // "" in Ranking.Fastest
	Mode   Mode    `json:"mode"`
	Model  string  `json:"model,omitempty"` // of the GPUs
	Places []Place `json:"places"`          // from the fastest to the slowest
}

// Place is a machine in a group.
type Place struct {
	Machine string   `json:"machine"` // the name of a Merged
	Case    string   `json:"case"`
	Model   string   `json:"model,omitempty"` // of the GPU
	Rate    Estimate `json:"rate"`
	// Quotient is the rate divided by that of the base, with bounds from the two 95 %
	// intervals. It is nil for the base itself, and if the base is not in the group.
	Quotient *Change `json:"quotient,omitempty"`
	Flags    []Flag  `json:"flags"`
}

// Rank compares machines with each other. Base is the name of the one to divide by, or
// "" for the fastest of each case. Cases on GPUs of different models are not compared;
// only Ranking.Fastest has them side by side.
func Rank(machines []*Merged, base string) *Ranking {
	r := &Ranking{Base: base, Machines: machines, Fastest: []Group{}, Cases: []Group{}, Alone: []Alone{}, Notes: []string{}}
	for _, mode := range modes() {
		if g := fastest(machines, mode); len(g.Places) > 0 {
			r.Fastest = append(r.Fastest, g)
		}
	}
	for _, g := range sameCases(machines) {
		if len(g.Places) == 1 && len(machines) > 1 {
			r.addAlone(g.Places[0])
			continue
		}
		r.Cases = append(r.Cases, g)
	}
	for _, groups := range [][]Group{r.Fastest, r.Cases} {
		for _, g := range groups {
			g.divide(base)
		}
	}
	r.addNotes()
	return r
}

// fastest returns the fastest case of each machine in a mode, chosen as a headline is.
func fastest(machines []*Merged, mode Mode) Group {
	g := Group{Mode: mode}
	for _, m := range machines {
		best := -1
		for i, k := range m.Cases {
			counts := k.Mode == mode && k.Device != Bare && k.Device != All && !wrong(k.Flags)
			if counts && (best < 0 || k.Rate.Median > m.Cases[best].Rate.Median) {
				best = i
			}
		}
		if best >= 0 {
			g.Places = append(g.Places, m.place(&m.Cases[best]))
		}
	}
	return g
}

// sameCases returns a group for each case and model of the GPU, in the order in which
// they first appear.
func sameCases(machines []*Merged) (groups []Group) {
	at := map[[2]string]int{}
	for _, m := range machines {
		for i := range m.Cases {
			k := &m.Cases[i]
			key := [2]string{k.ID, k.Model}
			if _, known := at[key]; !known {
				at[key] = len(groups)
				groups = append(groups, Group{Case: k.ID, Mode: k.Mode, Model: k.Model})
			}
			g := &groups[at[key]]
			g.Places = append(g.Places, m.place(k))
		}
	}
	return groups
}

func (m *Merged) place(k *MergedCase) Place {
	return Place{Machine: m.Name, Case: k.ID, Model: k.Model, Rate: k.Rate, Flags: k.Flags}
}

// divide sorts the places, and divides them by the place of the base; "": by the first.
func (g Group) divide(base string) {
	slices.SortStableFunc(g.Places, func(a, b Place) int { return cmp.Compare(b.Rate.Median, a.Rate.Median) })
	by := 0
	if base != "" {
		by = slices.IndexFunc(g.Places, func(p Place) bool { return p.Machine == base })
	}
	for i := range g.Places {
		if by >= 0 && i != by {
			a, b := g.Places[by].Rate, g.Places[i].Rate
			q := change(a.Median, a.Low, a.High, b.Median, b.Low, b.High)
			g.Places[i].Quotient = &q
		}
	}
}

// addAlone adds a case that only one machine has.
func (r *Ranking) addAlone(p Place) {
	i := slices.IndexFunc(r.Alone, func(a Alone) bool { return a.Machine == p.Machine })
	if i < 0 {
		i = len(r.Alone)
		r.Alone = append(r.Alone, Alone{Machine: p.Machine})
	}
	r.Alone[i].Cases = append(r.Alone[i].Cases, p.Case)
}

// addNotes adds a note about GPUs of different models.
func (r *Ranking) addNotes() {
	var models []string
	for _, m := range r.Machines {
		for _, k := range m.Cases {
			if k.Model != "" && k.Device != All && !slices.Contains(models, k.Model) {
				models = append(models, k.Model)
			}
		}
	}
	if len(models) > 1 {
		r.Notes = append(r.Notes, "the GPUs are of different models, whose cases are not compared: "+strings.Join(models, ", "))
	}
}

// wrong reports whether flags say that other work was done.
func wrong(flags []Flag) bool {
	return slices.Contains(flags, FlagWrongSet) || slices.Contains(flags, FlagWrongAnswers)
}
