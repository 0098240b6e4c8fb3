package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteTable writes the ranking as text: the fastest of each mode, the machines, a table
// for each group, and the notes. In the tables, letters stand for the machines.
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
		out.line("%s, the fastest case of each:", g.Mode)
		out.table(g.rows(letters, r.Base, true))
	}
	for _, g := range r.Cases {
		out.line("%s%s:", g.Case, optional(", ", g.Model))
		out.table(g.rows(letters, r.Base, false))
	}
	if len(r.Cases) == 0 {
		out.line("no case is in two of them")
	}
	out.line("between: standard deviation of the medians of the runs; the interval takes it into account")
	for _, id := range r.Alone {
		out.line("only in one: %s", id)
	}
	for _, note := range r.Notes {
		out.wrapped("note: %s", note)
	}
	return out.err
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
	return fmt.Sprintf("stele %s, %s%s, %s: %s", m.Version, m.Go, optional(", driver ", m.Driver), count(len(m.Runs), "run"), files)
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

// rows returns the rows of the table of a group; the first is the header. WithCases adds
// the case of each place.
func (g Group) rows(letters map[string]string, base string, withCases bool) [][]string {
	quotient := "/ fastest"
	if base != "" {
		quotient = "/ " + letters[base]
	}
	rows := [][]string{{"", g.Mode.RateUnit(g.Mode.info().prefix), "95 %", quotient, "runs", "between", "flags"}}
	if withCases {
		rows[0] = slices.Insert(rows[0], 1, "case")
	}
	for _, p := range g.Places {
		divided, between := "-", "-"
		if p.Quotient != nil {
			divided = p.Quotient.short()
		}
		if p.Rate.Runs > 1 {
			between = percent(p.Rate.Between)
		}
		row := []string{letters[p.Machine], g.Mode.scaled(p.Rate.Median), g.Mode.scaled(p.Rate.Low) + " to " + g.Mode.scaled(p.Rate.High),
			divided, fmt.Sprint(p.Rate.Runs), between, flagWords(p.Flags)}
		if withCases {
			row = slices.Insert(row, 1, p.Case)
		}
		rows = append(rows, row)
	}
	return rows
}

// stats has the bounds of an estimate as those of samples.
func (e Estimate) stats() Stats { return Stats{Median: e.Median, Low: e.Low, High: e.High} }
