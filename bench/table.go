package bench

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Format is the format of a table.
type Format int

// The formats.
const (
	Text Format = iota
	Markdown
)

// legend explains the columns of the tables.
func (r *Result) legend() []string {
	lines := []string{
		"M.../s, k.../s: millions or thousands per second, the median of the quiet samples with its 95 % interval; all: the median of all samples; spread: 5th to 95th percentile",
		"x reference, x 1 thread, x bare: relative to the rate of the reference, of the kernel on one thread, of the kernel without the engine",
	}
	var references []string
	for _, i := range modeInfos {
		if _, measured := r.Headlines[i.mode]; measured && !slices.Contains(references, i.reference) {
			references = append(references, i.reference)
		}
	}
	last := "disturbed: samples during which something else slowed the machine; flags: reasons to doubt the rate (docs/bench.md)"
	if r.hasEnergy() {
		last = "J/T: joules per 10^12 items; " + last
	}
	if len(references) > 0 {
		lines = append(lines, "reference: the rate "+strings.Join(references, ", or "))
	}
	return append(lines, last)
}

// WriteTable writes the result as text: the headlines, the environment, the cases of
// each mode from the fastest to the slowest with a legend, the failed cases, and
// the proofs.
func (r *Result) WriteTable(w io.Writer, format Format) error {
	out := &printer{w: w, format: format}
	for _, mode := range modes() {
		if h, measured := r.Headlines[mode]; measured {
			out.line("%s", r.headline(mode, h))
		}
	}
	if r.EndToEnd != nil {
		for _, text := range r.EndToEnd.lines() {
			out.line("%s", text)
		}
	}
	e := r.Environment
	out.line("%sstele %s, %s, %s/%s%s, %s%s", prefixed(e.Label, ": "), e.Version, cmp.Or(e.CPU.Brand, "unknown processor"), e.OS, e.Arch,
		optional(" ", e.Kernel), e.Go, optional(", virtual: ", e.Virtual))
	out.line("%s%s; %d rounds of %d cases, slices of %.1f ms, warm-up %.1f s%s", e.processors(),
		optional(", governor ", e.Governor), r.Timing.Rounds, len(r.Cases),
		r.Timing.SliceSeconds*1e3, r.Timing.WarmUpSeconds, unsettled(r.Timing.Settled))
	for _, d := range e.Devices {
		if state := r.gpuLine(d.ID); state != "" {
			out.line("%s: %s%s, %s", d.ID, d.Name, optional(", driver ", e.Driver), state)
		}
	}
	for _, mode := range modes() {
		if _, measured := r.Headlines[mode]; measured {
			out.table(r.rows(mode))
		}
	}
	for _, c := range r.Cases {
		if c.Device == All {
			out.line("%s", c.balanceLine())
		}
	}
	for _, text := range r.legend() {
		out.line("%s", text)
	}
	for _, f := range r.Failed {
		out.line("failed: %s: %s", f.Case, f.Reason)
	}
	for _, p := range r.Proofs {
		what := "work done: the"
		if !inTable(p.Name, p.Digest) {
			what = "WRONG, not the known set:"
		}
		mode, space := Search, fmt.Sprintf("%d nonces from %d", p.Count, p.First)
		if p.isRolled() {
			mode, space = Roll, fmt.Sprintf("%d nonces from %d, %d versions of each", p.Count/uint64(p.Versions), p.First, p.Versions)
		}
		out.line("%s %d nonces of %s (%s) with %d zero bits, found by %d of %d searches, digest %s",
			what, len(p.Nonces), p.Name, space, p.ZeroBits, r.finders(p), r.count(mode), p.Digest)
	}
	for _, line := range r.answerLines() {
		out.line("%s", line)
	}
	return out.err
}

// answerLines describes the answers that the cases found: a line for each mode and
// answers.
func (r *Result) answerLines() (lines []string) {
	type found struct {
		mode Mode
		Answers
	}
	var order []found
	finders := map[found]int{}
	for _, c := range r.Cases {
		if c.Answers == nil {
			continue
		}
		f := found{c.Mode, c.Answers.Answers}
		if finders[f]++; finders[f] == 1 {
			order = append(order, f)
		}
	}
	for _, f := range order {
		what, known := "work done: the known answers to", knownLists[f.mode]
		if f.Answers != known.Answers {
			what = "WRONG, not the known answers to"
		}
		lines = append(lines, fmt.Sprintf("%s the %d %s of %s, found by %d of %d cases of %s, digest %s",
			what, known.items, f.mode.Unit(), f.List, finders[f], r.count(f.mode), f.mode, f.Digest))
	}
	return lines
}

// hasEnergy reports whether the energy of any case is known.
func (r *Result) hasEnergy() bool {
	return slices.ContainsFunc(r.Cases, func(c CaseResult) bool { return c.Joules > 0 })
}

// rows returns the rows of one mode; the first is the header.
func (r *Result) rows(mode Mode) [][]string {
	rows := [][]string{{string(mode), "threads", mode.info().prefix + mode.Unit() + "/s", "95 % interval", "spread", "all", "x reference", "x 1 thread", "x bare", "disturbed", "flags"}}
	const energyColumn = 9
	energy := r.hasEnergy()
	if energy {
		rows[0] = slices.Insert(rows[0], energyColumn, "J/T")
	}
	cases := slices.Clone(r.Cases)
	slices.SortStableFunc(cases, func(a, b CaseResult) int { return cmp.Compare(b.Rate.Median, a.Rate.Median) })
	for _, c := range cases {
		if c.Mode != mode {
			continue
		}
		threads := "-"
		if c.Threads > 0 {
			threads = fmt.Sprint(c.Threads)
		}
		var flags []string
		for _, f := range c.Flags {
			flags = append(flags, string(f))
		}
		row := []string{
			strings.TrimSpace(c.Device + " " + c.Kernel),
			threads,
			mode.scaled(c.Rate.Median),
			mode.scaled(c.Rate.Low) + " to " + mode.scaled(c.Rate.High),
			percent(c.Rate.Spread),
			mode.scaled(c.All.Median),
			c.Ratio.short(),
			c.Scaling.short(),
			c.Bare.short(),
			percent(c.Disturbed),
			strings.Join(flags, " "),
		}
		if energy {
			row = slices.Insert(row, energyColumn, joules(c.Joules))
		}
		rows = append(rows, row)
	}
	return rows
}

func (r *Result) headline(mode Mode, h Headline) string {
	text := fmt.Sprintf("fastest %s: %s %s%s/s (%s to %s), %s",
		mode, mode.scaled(h.Rate), mode.info().prefix, mode.Unit(), mode.scaled(h.Low), mode.scaled(h.High), h.Case)
	for _, c := range r.Cases {
		if c.Mode == mode && c.Device == All {
			text += fmt.Sprintf("; all devices together %s M%s/s", mode.scaled(c.Rate.Median), mode.Unit())
		}
	}
	if !h.Disturbed {
		return text
	}
	advice := "the GPU did not run at its full clock"
	for _, c := range r.Cases {
		if c.ID == h.Case {
			for _, f := range c.Flags {
				text += ", " + string(f)
				if f != FlagThrottled && f != FlagClockChanged {
					advice = "run again on a quiet machine"
				}
			}
		}
	}
	return text + ": unreliable, " + advice
}

// finders counts the cases that found this set.
func (r *Result) finders(p Proof) int {
	n := 0
	for _, c := range r.Cases {
		if c.Proof != nil && c.Proof.Range == p.Name && c.Proof.Digest == p.Digest {
			n++
		}
	}
	return n
}

// count returns the number of cases of a mode.
func (r *Result) count(mode Mode) int {
	n := 0
	for _, c := range r.Cases {
		if c.Mode == mode {
			n++
		}
	}
	return n
}

// WriteTable writes the comparison as text.
func (c *Comparison) WriteTable(w io.Writer, format Format) error {
	out := &printer{w: w, format: format}
	out.line("%s", c.Answer())
	rows := [][]string{{"case", "old M/s", "new M/s", "new/old", "x reference, new/old", "by", "verdict"}}
	for _, k := range c.Cases {
		ratio := "-"
		if k.Ratio != nil {
			ratio = k.Ratio.short()
		}
		rows = append(rows, []string{k.Case, mega(k.Rate.Old), mega(k.Rate.New), k.Rate.short(), ratio, string(k.By), k.Verdict.String()})
	}
	out.table(rows)
	for _, id := range c.OnlyOld {
		out.line("only in the old result: %s", id)
	}
	for _, id := range c.OnlyNew {
		out.line("only in the new result: %s", id)
	}
	for _, note := range c.Notes {
		out.line("note: %s", note)
	}
	return out.err
}

// Answer returns the comparison in a line: the verdict and the number of cases with
// each verdict.
func (c *Comparison) Answer() string {
	if len(c.Cases) == 0 {
		return CannotTell.String() + ": the results have no case in common"
	}
	count := map[Verdict]int{}
	for _, k := range c.Cases {
		count[k.Verdict]++
	}
	text := fmt.Sprintf("%s: of %d cases", c.Verdict, len(c.Cases))
	if count[CannotTell] == len(c.Cases) {
		return text + " each was disturbed, or found a wrong set of nonces or wrong answers, in one of the results"
	}
	separator := " "
	for _, v := range []Verdict{Slower, Faster, NoClearChange, CannotTell} {
		if count[v] > 0 {
			text += fmt.Sprintf("%s%d %s", separator, count[v], v)
			separator = ", "
		}
	}
	return text
}

func (c Change) short() string { return fmt.Sprintf("%.3f (%.3f to %.3f)", c.Factor, c.Low, c.High) }

func (r *Ratio) short() string {
	if r == nil {
		return "-"
	}
	return fmt.Sprintf("%.3f (%.3f to %.3f)", r.Median, r.Low, r.High)
}

// scaled formats a rate in the unit of the mode's tables.
func (m Mode) scaled(rate float64) string { return fmt.Sprintf("%.3f", rate/m.info().scale) }

// mega formats a rate in millions. Signatures and records are thousands.
func mega(x float64) string {
	if x < 1e6 {
		return fmt.Sprintf("%.6f", x/1e6)
	}
	return fmt.Sprintf("%.3f", x/1e6)
}

// joules formats the energy for 10^12 items.
func joules(each float64) string {
	if each == 0 {
		return "-"
	}
	return fmt.Sprintf("%.4g", each*1e12)
}

func percent(x float64) string { return fmt.Sprintf("%.1f %%", x*100) }

func optional(label, text string) string {
	if text == "" {
		return ""
	}
	return label + text
}

func prefixed(text, after string) string {
	if text == "" {
		return ""
	}
	return text + after
}

// processors describes the threads in use, the limits of the process, and the
// machine.
func (e Environment) processors() string {
	text := count(e.Threads, "thread") + optional(" on ", e.allowed())
	if n := e.CPU.Threads; n > e.Process.CPUs {
		text += fmt.Sprintf(", the machine has %d", n)
	}
	if e.SMT != nil && *e.SMT {
		text += ", SMT"
	}
	return text
}

// allowed describes the limits of the process; "" if they are not known.
func (e Environment) allowed() string {
	if e.Process.CPUs == 0 {
		return ""
	}
	text := count(e.Process.CPUs, "CPU")
	if n := e.Process.Cores; n > 0 {
		text += " of " + count(n, "core")
	}
	if q := e.Process.Quota; q > 0 {
		text += fmt.Sprintf(", quota %.3g", q)
	}
	return text
}

// count formats a number of things.
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

func unsettled(settled bool) string {
	if settled {
		return ""
	}
	return " (ended before the rates were steady)"
}

// printer writes lines and tables. It keeps the first error and then writes no more.
type printer struct {
	w      io.Writer
	format Format
	err    error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
	if p.format == Markdown && p.err == nil {
		_, p.err = fmt.Fprintln(p.w)
	}
}

func (p *printer) table(rows [][]string) {
	if p.err != nil {
		return
	}
	if p.format == Markdown {
		rows = slices.Insert(slices.Clone(rows), 1, slices.Repeat([]string{"---"}, len(rows[0])))
		for _, row := range rows {
			if _, p.err = fmt.Fprintf(p.w, "| %s |\n", strings.Join(row, " | ")); p.err != nil {
				return
			}
		}
		_, p.err = fmt.Fprintln(p.w)
		return
	}
	if _, p.err = fmt.Fprintln(p.w); p.err != nil {
		return
	}
	t := tabwriter.NewWriter(p.w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	if p.err = t.Flush(); p.err == nil {
		_, p.err = fmt.Fprintln(p.w)
	}
}
