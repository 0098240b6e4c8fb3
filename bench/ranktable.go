package bench

import (
	"fmt"
	"io"
	"strings"
)

// WriteTable writes the ranking as text: the fastest of each mode, the machines, two
// tables for each mode, and the notes. In the tables, letters stand for the machines.
func (r *Ranking) WriteTable(w io.Writer, format Format) error {
	out := &printer{w: w, format: format}
	letters := map[string]string{}
	for i, m := range r.Machines {
		letters[m.Name] = letter(i)
	}
	for _, g := range r.Fastest {
		out.wrapped("%s", g.answer(letters))
	}
	for _, m := range r.Machines {
		out.wrapped("%s: %s, %s", letters[m.Name], m.Name, m.describe())
	}
	for _, g := range r.Fastest {
		if len(r.Machines) > 1 {
			out.line("%s, the fastest case of each:", g.Mode)
			out.table(rankRows([]Group{g}, letters, r.Base))
		}
		if same := r.casesOf(g.Mode); len(same) > 0 {
			out.line("%s, case by case:", g.Mode)
			out.table(rankRows(same, letters, r.Base))
		}
	}
	out.wrapped("between: standard deviation of the medians of the runs; the interval takes it into account; !: reasons to doubt the rate, below")
	for _, a := range r.Alone {
		out.wrapped("only %s has: %s", letters[a.Machine], strings.Join(a.Cases, ", "))
	}
	for _, note := range r.Notes {
		out.wrapped("note: %s", note)
	}
	for _, m := range r.Machines {
		for _, note := range m.Notes {
			out.wrapped("note: %s: %s", letters[m.Name], note)
		}
	}
	return out.err
}

// casesOf returns the groups of a mode that are the same case.
func (r *Ranking) casesOf(mode Mode) (groups []Group) {
	for _, g := range r.Cases {
		if g.Mode == mode {
			groups = append(groups, g)
		}
	}
	return groups
}

// letter returns A to Z, then A1 to Z1, and so on.
func letter(i int) string {
	text := string(rune('A' + i%26))
	if i >= 26 {
		text += fmt.Sprint(i / 26)
	}
	return text
}

// describe describes the runs in a line.
func (m *Merged) describe() string {
	files := strings.Join(m.Runs[:min(3, len(m.Runs))], ", ")
	if len(m.Runs) > 3 {
		files += ", ..."
	}
	return fmt.Sprintf("stele %s, %s%s, %s: %s", m.Version, m.Go, optional(", driver ", m.Driver), Count(len(m.Runs), "run"), files)
}

// answer names the fastest machine of a group.
func (g Group) answer(letters map[string]string) string {
	first := g.Places[0]
	text := fmt.Sprintf("%s: %s is the fastest, %s", g.Mode, letters[first.Machine], g.Mode.RateText(first.Rate.stats()))
	if len(first.Flags) > 0 {
		text += fmt.Sprintf("; unreliable (%s)", flagWords(first.Flags))
	}
	return text
}

// rankRows returns the rows of the table of groups of one mode; the first is the header.
func rankRows(groups []Group, letters map[string]string, base string) [][]string {
	mode := groups[0].Mode
	quotient := "/ fastest"
	if base != "" {
		quotient = "/ " + letters[base]
	}
	rows := [][]string{{"case", "", mode.RateUnit(mode.info().prefix), "95 %", quotient, "runs", "between", columnDoubt}}
	for _, g := range groups {
		last := ""
		for _, p := range g.Places {
			id := p.Case
			if id == last {
				id = ""
			}
			last = p.Case
			divided, between := "-", "-"
			if p.Quotient != nil {
				divided = quotientText(*p.Quotient)
			}
			if p.Rate.Runs > 1 {
				between = percent(p.Rate.Between)
			}
			doubt := "-"
			if len(p.Flags) > 0 {
				doubt = "!"
			}
			rows = append(rows, []string{id, letters[p.Machine], mode.scaled(p.Rate.Median), mode.scaled(p.Rate.Low) + " to " + mode.scaled(p.Rate.High),
				divided, fmt.Sprint(p.Rate.Runs), between, doubt})
		}
	}
	return rows
}

// stats has the bounds of an estimate as those of samples.
func (e Estimate) stats() Stats { return Stats{Median: e.Median, Low: e.Low, High: e.High} }

// quotientText formats a quotient, also one far below 1.
func quotientText(c Change) string {
	if c.Factor >= 0.1 {
		return c.short()
	}
	return fmt.Sprintf("%.3g (%.3g to %.3g)", c.Factor, c.Low, c.High)
}
