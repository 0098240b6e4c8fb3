package history

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"stele/bench"
)

// columns is the largest number of columns of a plot in text.
const columns = 40

// WriteText writes the machines as text: for each a table of its cases with a plot over
// time, and the changes, which letters below the plots mark. A single case is listed run
// by run too.
func WriteText(w io.Writer, machines []Machine) error {
	var b strings.Builder
	for i, m := range machines {
		if i > 0 {
			b.WriteByte('\n')
		}
		m.writeText(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (m Machine) writeText(b *strings.Builder) {
	runs := "runs"
	if m.Runs == 1 {
		runs = "run"
	}
	fmt.Fprintf(b, "%s (%s): %d %s, %s to %s\n\n", m.Name, m.ID, m.Runs, runs, m.First.Format(time.DateOnly), m.Last.Format(time.DateOnly))
	letters := m.letters()
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "case\tnewest\tto median\tlowest to highest\truns\tover time\n")
	for _, s := range m.Series {
		plot, marks := s.plot(letters)
		fmt.Fprintf(t, "%s\t%s\t%s\n", s.Case, s.describe(), plot)
		if strings.TrimSpace(marks) != "" {
			fmt.Fprintf(t, "\t\t\t\t\t%s\n", strings.TrimRight(marks, " "))
		}
	}
	_ = t.Flush() // a strings.Builder takes all
	if m.doubtful() {
		b.WriteString("?: no reliable rate\n")
	}
	if len(m.Changes) > 0 {
		b.WriteByte('\n')
	}
	for _, c := range m.Changes {
		fmt.Fprintf(b, "%s  %s  %s: %s, then %s\n", letters[c.Started], c.Started.Format(time.DateTime), c.What, c.Old, c.New)
	}
	if len(m.Series) == 1 {
		b.WriteByte('\n')
		m.Series[0].list(b)
	}
}

// doubtful reports whether a run of any case has no reliable rate.
func (m Machine) doubtful() bool {
	for _, s := range m.Series {
		if len(s.reliable()) < len(s.Points) {
			return true
		}
	}
	return false
}

// letters returns the mark of each time at which something changed.
func (m Machine) letters() map[time.Time]string {
	letters := map[time.Time]string{}
	for _, c := range m.Changes {
		if _, known := letters[c.Started]; !known {
			letters[c.Started] = letter(len(letters))
		}
	}
	return letters
}

// letter returns a to z, then A to Z, then + for all further ones.
func letter(i int) string {
	const all = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	if i < len(all) {
		return all[i : i+1]
	}
	return "+"
}

// describe returns the columns of a table: the newest rate, its quotient by the median
// less 1, the extremes relative to the median, the number of runs.
func (s Series) describe() string {
	rates := s.reliable()
	newest := s.Points[len(s.Points)-1]
	rate := s.Mode.RateText(bench.Stats{Median: newest.Rate, Low: newest.Low, High: newest.High})
	quality := ""
	if !newest.Reliable {
		quality = " ?"
	}
	text := rate.Rate + " " + rate.Unit + quality
	if len(rates) == 0 {
		return fmt.Sprintf("%s\t-\t-\t%d", text, len(s.Points))
	}
	median := bench.Median(rates)
	away := func(x float64) string { return fmt.Sprintf("%+.1f %%", (x/median-1)*100) }
	return fmt.Sprintf("%s\t%s\t%s to %s\t%d", text, away(newest.Rate), away(slices.Min(rates)), away(slices.Max(rates)), len(s.Points))
}

// reliable returns the reliable rates.
func (s Series) reliable() (rates []float64) {
	for _, p := range s.Points {
		if p.Reliable {
			rates = append(rates, p.Rate)
		}
	}
	return rates
}

// plot returns the rates over time, a character for one or more runs, and below them the
// marks of changes. The height of a block is the median of its reliable rates, from the
// lowest to the highest of the series, which are taken to be at least 4 % apart, so that
// noise does not look like a change; a question mark is a run without a reliable rate.
func (s Series) plot(letters map[time.Time]string) (plot, marks string) {
	blocks := []rune("▁▂▃▄▅▆▇█")
	rates := s.reliable()
	low, high := 0.0, 0.0
	if len(rates) > 0 {
		low, high = slices.Min(rates), slices.Max(rates)
		if least := 0.04 * high; high-low < least {
			low, high = (low+high-least)/2, (low+high+least)/2
		}
	}
	n := len(s.Points)
	width := min(n, columns)
	for i := range width {
		part := Series{Points: s.Points[n*i/width : n*(i+1)/width]}
		mark := " "
		for _, p := range part.Points {
			if l, changed := letters[p.Started]; changed && mark == " " {
				mark = l
			}
		}
		marks += mark
		if rates := part.reliable(); len(rates) > 0 {
			at := (bench.Median(rates) - low) / (high - low) * float64(len(blocks))
			plot += string(blocks[min(int(at), len(blocks)-1)])
		} else {
			plot += "?"
		}
	}
	return plot, marks
}

// list writes the points, oldest first.
func (s Series) list(b *strings.Builder) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "started\trate, with its 95 %% interval\tx reference\tkernel\tflags\n")
	for _, p := range s.Points {
		ratio := "-"
		if p.Ratio != nil {
			ratio = fmt.Sprintf("%.3f", p.Ratio.Median)
		}
		var flags []string
		for _, f := range p.Flags {
			flags = append(flags, string(f))
		}
		rate := s.Mode.RateText(bench.Stats{Median: p.Rate, Low: p.Low, High: p.High})
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", p.Started.Format(time.DateTime), rate, ratio, p.Kernel, strings.Join(flags, " "))
	}
	_ = t.Flush() // a strings.Builder takes all
}

// WriteText writes the decision as text: the verdict first, then the cases, and what has
// changed since the baseline.
func (r *Regression) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", r.Answer())
	fmt.Fprintf(&b, "newest: %s\nbaseline: %d earlier runs of %s (%s)\n", r.Newest, len(r.Baseline), r.Machine.Name, r.Machine.ID)
	if len(r.Cases) > 0 {
		b.WriteByte('\n')
		t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintf(t, "case\tnew/old\tbetween runs\tchance\tdetects\truns\tby\tverdict\n")
		for _, c := range r.Cases {
			if c.Reason != "" {
				fmt.Fprintf(t, "%s\t-\t-\t-\t-\t%d\t-\t%s\n", c.Case, c.Runs, c.Verdict)
				continue
			}
			fmt.Fprintf(t, "%s\t%.3f\t%.1f %%\t%.2g\t%.1f %%\t%d\t%s\t%s\n", c.Case, c.Factor, c.Between*100, c.Chance, c.Detectable*100, c.Runs, c.By, c.Verdict)
		}
		_ = t.Flush() // a strings.Builder takes all
		b.WriteByte('\n')
	}
	for _, c := range r.Cases {
		if c.Reason != "" {
			fmt.Fprintf(&b, "%s: %s\n", c.Case, c.Reason)
		}
	}
	for _, d := range r.Changes {
		fmt.Fprintf(&b, "changed since the run before: %s: %s, then %s\n", d.What, d.Old, d.New)
	}
	if len(r.Cases) > 0 {
		b.WriteString("chance: of so low a value if nothing has changed, corrected for the number of cases\n" +
			"detects: the smallest slowdown that would be reported\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Answer returns the decision in a line.
func (r *Regression) Answer() string {
	if r.Verdict != bench.Slower {
		text := r.Verdict.String()
		if r.Reason != "" {
			text += ": " + r.Reason
		}
		return text
	}
	var slower []string
	for _, c := range r.Cases {
		if c.Verdict == bench.Slower {
			slower = append(slower, fmt.Sprintf("%s by %.1f %%", c.Case, (1-c.Factor)*100))
		}
	}
	return "slower: " + strings.Join(slower, ", ")
}
