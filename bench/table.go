package bench

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Format is the format of a table.
type Format int

// The formats.
const (
	Text Format = iota
	Markdown
)

// columns of the tables, with their explanations. Those that no case has are left out.
const (
	columnInterval = "95 %"
	columnSpread   = "spread"
	columnRatio    = "x ref"
	columnScaling  = "x 1 thr"
	columnBare     = "x bare"
	columnLimit    = "limit"
	columnEnergy   = "J/T"
	columnDoubt    = "!"
)

// legend explains the columns of the tables.
func (r *Result) legend() []string {
	var references []string
	for _, mode := range r.Modes() {
		if i := mode.info(); !slices.Contains(references, i.reference) {
			references = append(references, i.reference)
		}
	}
	all := []struct{ column, text string }{
		{columnInterval, "M.../s, k.../s: millions or thousands per second, the median of the quiet samples; 95 %: the interval of that median; spread: from the 5th to the 95th percentile of the samples"},
		{columnRatio, "x ref: relative to the rate " + strings.Join(references, ", or ")},
		{columnScaling, "x 1 thr: relative to the same kernel on one thread"},
		{columnBare, "x bare: relative to the same kernel without the engine"},
		{columnLimit, "limit: part of the rate that the execution units allow at the clock that was measured"},
		{columnEnergy, "J/T: joules per 10^12 items"},
		{columnDoubt, "!: reasons to doubt the rate, below the table (docs/bench.md explains them)"},
	}
	var lines []string
	for _, l := range all {
		if r.hasColumn(l.column) {
			lines = append(lines, l.text)
		}
	}
	return lines
}

// hasColumn reports whether a table has the column in any mode.
func (r *Result) hasColumn(column string) bool {
	return slices.ContainsFunc(r.Cases, func(c CaseResult) bool { return c.inColumn(column) != "-" })
}

// inColumn returns what the case has in one of the columns; "-" for nothing.
func (c *CaseResult) inColumn(column string) string {
	switch {
	case column == columnInterval:
		return c.Mode.scaled(c.Rate.Low) + " to " + c.Mode.scaled(c.Rate.High)
	case column == columnSpread:
		return percent(c.Rate.Spread)
	case column == columnRatio && c.Ratio != nil:
		return fmt.Sprintf("%.3f", c.Ratio.Median)
	case column == columnScaling && c.Scaling != nil:
		return fmt.Sprintf("%.3f", c.Scaling.Median)
	case column == columnBare && c.Bare != nil:
		return fmt.Sprintf("%.3f", c.Bare.Median)
	case column == columnLimit && c.Limit != nil:
		return percent(c.Limit.Share)
	case column == columnEnergy && c.Joules > 0:
		return fmt.Sprintf("%.4g", c.Joules*1e12)
	case column == columnDoubt && len(c.Flags) > 0:
		return "!"
	}
	return "-"
}

// WriteTable writes the result as text, the answer first: the headlines, the
// environment, the cases of each mode from the fastest to the slowest with a legend, the
// failed cases, and the proofs. Lines of [Text] are narrower than 100 columns, unless a
// name of the environment is longer.
func (r *Result) WriteTable(w io.Writer, format Format) error {
	out := &printer{w: w, format: format}
	for _, mode := range modes() {
		if h, measured := r.Headlines[mode]; measured {
			out.wrapped("%s", r.headline(mode, h))
		}
	}
	if r.EndToEnd != nil {
		for _, text := range r.EndToEnd.lines() {
			out.wrapped("%s", text)
		}
	}
	r.writeEnvironment(out)
	for _, mode := range r.Modes() {
		out.table(r.rows(mode))
		for _, line := range r.doubtLines(mode) {
			out.wrapped("%s", line)
		}
	}
	for _, c := range r.Cases {
		if c.Device == All {
			out.wrapped("%s", c.balanceLine())
		}
	}
	for _, text := range r.legend() {
		out.wrapped("%s", text)
	}
	for _, f := range r.Failed {
		out.wrapped("failed: %s: %s", f.Case, f.Reason)
	}
	for _, p := range r.Proofs {
		out.wrapped("%s", r.proofLine(p))
	}
	for _, line := range r.answerLines() {
		out.wrapped("%s", line)
	}
	return out.err
}

// writeEnvironment writes the program, the machine and the course of the measurement.
func (r *Result) writeEnvironment(out *printer) {
	e := r.Environment
	out.wrapped("%sstele %s, %s%s, %s/%s%s, %s%s", prefixed(e.Label, ": "), e.Version, cmp.Or(e.CPU.Brand, "unknown processor"),
		optional(", ", e.Microarchitecture), e.OS, e.Arch, optional(" ", e.Kernel), e.Go, optional(", virtual: ", e.Virtual))
	machine := e.processors() + optional(", governor ", e.Governor)
	if len(r.Cases) > 0 {
		machine += fmt.Sprintf("; %d rounds of %d cases, slices of %.1f ms, warm-up %.1f s%s",
			r.Timing.Rounds, len(r.Cases), r.Timing.SliceSeconds*1e3, r.Timing.WarmUpSeconds, unsettled(r.Timing.Settled))
	}
	out.wrapped("%s", machine)
	for _, text := range r.limitLines() {
		out.wrapped("%s", text)
	}
	for _, d := range e.Devices {
		if state := r.gpuLine(d.ID); state != "" {
			out.wrapped("%s: %s%s, %s", d.ID, d.Name, optional(", driver ", e.Driver), state)
		}
	}
	for _, line := range e.energyLines() {
		out.wrapped("%s", line)
	}
}

// proofLine describes a set of nonces that searches found.
func (r *Result) proofLine(p Proof) string {
	what := "work done: the"
	if !inTable(p.Name, p.Digest) {
		what = "WRONG, not the known set:"
	}
	mode, space := Search, fmt.Sprintf("%d nonces from %d", p.Count, p.First)
	if p.isRolled() {
		mode, space = Roll, fmt.Sprintf("%d nonces from %d, %d versions of each", p.Count/uint64(p.Versions), p.First, p.Versions)
	}
	return fmt.Sprintf("%s %d nonces of %s (%s) with %d zero bits, found by %d of %d searches, digest %s",
		what, len(p.Nonces), p.Name, space, p.ZeroBits, r.finders(p), r.count(mode), p.Digest)
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

// rows returns the rows of one mode; the first is the header.
func (r *Result) rows(mode Mode) [][]string {
	header := []string{string(mode), mode.RateUnit(mode.info().prefix)}
	for _, column := range []string{columnInterval, columnSpread, columnRatio, columnScaling, columnBare, columnLimit, columnEnergy, columnDoubt} {
		if r.hasColumn(column) {
			header = append(header, column)
		}
	}
	rows := [][]string{header}
	for _, c := range r.Sorted(mode) {
		row := []string{c.name(), mode.scaled(c.Rate.Median)}
		for _, column := range header[2:] {
			row = append(row, c.inColumn(column))
		}
		rows = append(rows, row)
	}
	return rows
}

// Sorted returns the cases of a mode from the fastest to the slowest.
func (r *Result) Sorted(mode Mode) (cases []CaseResult) {
	for _, c := range r.Cases {
		if c.Mode == mode {
			cases = append(cases, c)
		}
	}
	slices.SortStableFunc(cases, func(a, b CaseResult) int { return cmp.Compare(b.Rate.Median, a.Rate.Median) })
	return cases
}

// name is the ID of a case without its mode.
func (s Spec) name() string { return strings.TrimPrefix(s.ID(), string(s.Mode)+"/") }

// Words describes a case without its mode: "cpu avx2, 2 threads".
func (s Spec) Words() string {
	text := strings.TrimSpace(s.Device + " " + s.Kernel)
	if s.Device == All {
		text = "all devices"
	}
	if s.Threads > 0 {
		text += ", " + Count(s.Threads, "thread")
	}
	return text
}

// doubtLines lists the cases of a mode that have flags, a line for each set of flags.
func (r *Result) doubtLines(mode Mode) (lines []string) {
	var sets []string
	names := map[string][]string{}
	for _, c := range r.Sorted(mode) {
		if len(c.Flags) > 0 {
			set := flagWords(c.Flags)
			if names[set] == nil {
				sets = append(sets, set)
			}
			names[set] = append(names[set], c.name())
		}
	}
	for _, set := range sets {
		lines = append(lines, "! "+set+": "+strings.Join(names[set], " "))
	}
	return lines
}

// flagWords lists flags.
func flagWords(flags []Flag) string {
	var words []string
	for _, f := range flags {
		words = append(words, string(f))
	}
	return strings.Join(words, ", ")
}

// headline states the rate of the fastest case of a mode, and what to think of it.
func (r *Result) headline(mode Mode, h Headline) string {
	c := r.caseOf(h.Case)
	text := fmt.Sprintf("%s: %s %s", mode, mode.RateText(c.Rate), c.Words())
	if l := c.Limit; l != nil {
		what := "processor"
		if c.Threads == 0 {
			what = "GPU"
		}
		text += fmt.Sprintf(", %.0f %% of this %s's limit", l.Share*100, what)
	}
	for _, all := range r.Cases {
		if all.Mode == mode && all.Device == All {
			text += "; all devices together " + mode.RateText(all.Rate).String()
		}
	}
	if advice := c.Advice(); advice != "" {
		text += "; unreliable (" + flagWords(c.Flags) + "): " + advice
	}
	return text
}

// Advice says what to do about a case with flags; "" if it has none.
func (c *CaseResult) Advice() string {
	if len(c.Flags) == 0 {
		return ""
	}
	advice := "the GPU did not run at its full clock"
	for _, f := range c.Flags {
		switch f {
		case FlagThrottled, FlagClockChanged:
		case FlagAboveLimit:
			advice = "the clock or the table of limits is wrong"
		default:
			return "run again on a quiet machine"
		}
	}
	return advice
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
	out.wrapped("%s", c.Answer())
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
		out.wrapped("note: %s", note)
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

// scaled formats a rate in the unit of the mode's tables, with five digits or more.
func (m Mode) scaled(rate float64) string {
	x := rate / m.info().scale
	decimals := 3
	for limit := 10.0; x >= limit && decimals > 1; limit *= 10 {
		decimals--
	}
	return fmt.Sprintf("%.*f", decimals, x)
}

// mega formats a rate in millions. Signatures and records are thousands.
func mega(x float64) string {
	if x < 1e6 {
		return fmt.Sprintf("%.6f", x/1e6)
	}
	return fmt.Sprintf("%.3f", x/1e6)
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
	text := Count(e.Threads, "thread") + optional(" on ", e.allowed())
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
	text := Count(e.Process.CPUs, "CPU")
	if n := e.Process.Cores; n > 0 {
		text += " of " + Count(n, "core")
	}
	if q := e.Process.Quota; q > 0 {
		text += fmt.Sprintf(", quota %.3g", q)
	}
	return text
}

// Count formats a number of things: "1 sample", "2 samples".
func Count(n int, thing string) string {
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
