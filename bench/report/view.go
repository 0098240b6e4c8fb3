package report

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"stele/bench"
	"stele/bench/report/svg"
)

// resultView is what a page shows of one result.
type resultView struct {
	Anchor, Name, What string

	Panels      []panel
	Figures     []figure
	Modes       []modeView
	Others      *facts
	Tables      []tableView
	Environment *facts
	Proof       *proofView
}

// figure is a large number with what it is measured against.
type figure struct{ Name, Value, Note string }

type facts struct {
	ID, Title, Note string
	Facts           []fact
}

// tableView is a table of words with plots above it.
type tableView struct {
	ID, Title, Note string

	Plots  []template.HTML
	Header []string
	Rows   [][]string
}

func newResult(s Source, anchor string) resultView {
	r := s.Result
	v := resultView{
		Anchor: anchor,
		Name:   s.Name,
		What: fmt.Sprintf("%s, measured %s for %.0f s by stele %s", machine(r),
			r.Started.UTC().Format("2006-01-02 15:04 UTC"), r.Settings.Duration, r.Environment.Version),
		Panels: resultPanels(s),
	}
	for i, mode := range r.Modes() {
		id := fmt.Sprintf("%s-m%d", anchor, i+1)
		if c := headline(r, mode); c != nil {
			v.Figures = append(v.Figures, modeFigure(c))
		}
		v.Modes = append(v.Modes, newMode(r, mode, id))
	}
	v.Figures = append(v.Figures, moreFigures(r)...)
	v.Others = together(r, anchor+"-all")
	v.Tables = append(v.Tables, energyTables(r, anchor+"-j")...)
	v.Tables = append(v.Tables, sweepTables(r, anchor+"-w")...)
	v.Tables = append(v.Tables, endToEndTables(r, anchor+"-e")...)
	v.Environment = &facts{ID: anchor + "-env", Title: "Environment", Facts: environment(r)}
	if len(r.Proofs) > 0 || slices.ContainsFunc(r.Cases, func(c bench.CaseResult) bool { return c.Answers != nil }) {
		v.Proof = newProof(s, anchor+"-p")
	}
	return v
}

// maxLines bounds the lines of a panel.
const maxLines = 20

// resultPanels are the reasons to doubt a result: flags of its headlines, an unsettled
// warm-up, failed cases, and figures of the file that do not follow from its samples.
func resultPanels(s Source) (panels []panel) {
	r := s.Result
	if s.Check != nil && !s.Check.Good() {
		p := panel{Class: "bad", Title: "This result does not hold what it claims.", Text: "The figures on this page are computed from the samples."}
		for _, problem := range s.Check.Problems {
			p.Lines = append(p.Lines, problem.String())
		}
		panels = append(panels, p)
	}
	doubt := panel{Class: "wait", Title: "Doubtful.", Text: "Do not quote a rate without its doubts."}
	for _, mode := range r.Modes() {
		if c := headline(r, mode); c != nil {
			for _, f := range c.Flags {
				doubt.Lines = append(doubt.Lines, fmt.Sprintf("%s: %s", mode, explain(f)))
			}
			if advice := c.Advice(); advice != "" {
				doubt.Lines = append(doubt.Lines, fmt.Sprintf("%s: %s", mode, advice))
			}
		}
	}
	if len(r.Cases) > 0 && !r.Timing.Settled {
		doubt.Lines = append(doubt.Lines, "the warm-up ended before the rates were steady")
	}
	if len(doubt.Lines) > 0 {
		panels = append(panels, doubt)
	}
	if len(r.Failed) > 0 {
		p := panel{Class: "bad", Title: bench.Count(len(r.Failed), "case") + " failed.", Text: "The others were measured to the end."}
		for _, f := range r.Failed {
			p.Lines = append(p.Lines, f.Case+": "+f.Reason)
		}
		panels = append(panels, p)
	}
	limitLines(panels)
	return panels
}

// limitLines cuts panels that are too long.
func limitLines(panels []panel) {
	for i := range panels {
		if more := len(panels[i].Lines) - maxLines; more > 0 {
			panels[i].Lines = append(panels[i].Lines[:maxLines:maxLines], fmt.Sprintf("and %d more", more))
		}
	}
}

// modeFigure is the rate of the fastest case of a mode.
func modeFigure(c *bench.CaseResult) figure {
	t := c.Mode.RateText(c.Rate)
	note := fmt.Sprintf("95 %% %s to %s; %s", t.Low, t.High, c.Words())
	if c.Ratio != nil {
		note += "; " + ratioText(c.Ratio) + " × the reference"
	}
	return figure{title(c.Mode), t.Rate + " " + t.Unit, note}
}

// moreFigures are those of the fastest search beyond its rate.
func moreFigures(r *bench.Result) (out []figure) {
	modes := r.Modes()
	if len(modes) == 0 {
		return nil
	}
	c := headline(r, modes[0])
	if c == nil {
		return nil
	}
	if l := c.Limit; l != nil {
		out = append(out, figure{"Share of the limit", percent(l.Share), fmt.Sprintf("%.4g of at least %.4g cycles an item, at %s; bound by %s", l.CyclesPerItem, l.LimitCycles, hertz(l.Clock), l.Bound)})
	}
	if text := energyText(c); text != notKnown {
		out = append(out, figure{"Efficiency", text, strings.TrimSuffix(scaled(c.Joules*1e12, "J")+" for 10^12 items; "+r.Environment.Energy, "; ")})
	}
	if c.Scaling != nil {
		out = append(out, figure{"Scaling", fmt.Sprintf("%.2f ×", c.Scaling.Median), fmt.Sprintf("%s against one (%.2f to %.2f)", bench.Count(c.Threads, "thread"), c.Scaling.Low, c.Scaling.High)})
	}
	nonces := 0
	for _, p := range r.Proofs {
		nonces += len(p.Nonces)
	}
	if nonces > 0 {
		out = append(out, figure{"Proof of work done", bench.Count(nonces, "nonce"), fmt.Sprintf("in %s, exactly those of the known sets", bench.Count(len(r.Proofs), "range"))})
		if slices.ContainsFunc(r.Cases, func(c bench.CaseResult) bool { return slices.Contains(c.Flags, bench.FlagWrongSet) }) {
			out[len(out)-1].Note = "NOT those of the known sets"
		}
	}
	return out
}

// together describes the work of several devices at once; nil if there is none.
func together(r *bench.Result, id string) *facts {
	f := &facts{ID: id, Title: "All devices together"}
	for i := range r.Cases {
		c := &r.Cases[i]
		if c.Device != bench.All {
			continue
		}
		t := c.Mode.RateText(c.Rate)
		f.Facts = append(f.Facts, fact{title(c.Mode), t.Rate + " " + t.Unit, "95 % " + t.Low + " to " + t.High})
		if c.Efficiency != nil {
			f.Facts = append(f.Facts, fact{"Of the sum of the devices alone", percent1(c.Efficiency.Median), fmt.Sprintf("95 %% %.1f to %.1f", c.Efficiency.Low*100, c.Efficiency.High*100)})
		}
		f.Facts = append(f.Facts, parts(c.Balance, "its rate alone")...)
	}
	if len(f.Facts) == 0 {
		return nil
	}
	return f
}

// parts describes the work of each device. Of says what its rate is relative to.
func parts(balance []bench.DevicePart, of string) (out []fact) {
	for _, p := range balance[:min(len(balance), maxDevices)] {
		var notes []string
		if p.Alone != nil {
			notes = append(notes, fmt.Sprintf("at %s of %s", percent1(p.Alone.Median), of))
		}
		if p.Stalls != nil {
			notes = append(notes, fmt.Sprintf("waited for work %.2f %% of the time", *p.Stalls*100))
		}
		out = append(out, fact{p.Device, percent1(p.Part) + " of the work", strings.Join(notes, "; ")})
	}
	return out
}

// maxDevices bounds the devices that a page lists.
const maxDevices = 64

// environment lists the machine, the program and the course of the measurement.
func environment(r *bench.Result) (out []fact) {
	e := r.Environment
	add := func(name, value, note string) {
		if value != "" {
			out = append(out, fact{name, value, note})
		}
	}
	add("Label", e.Label, "")
	add("Processor", e.CPU.Brand, fmt.Sprintf("%s, family %d, model %d; %s, %s", e.CPU.Vendor, e.CPU.Family, e.CPU.Model, bench.Count(e.CPU.Cores, "core"), bench.Count(e.CPU.Threads, "thread")))
	table := e.LimitTable
	if table != "" {
		table = "limits by table " + table
	}
	add("Microarchitecture", e.Microarchitecture, table)
	for i, d := range e.Devices {
		if i == maxDevices {
			add("Devices", fmt.Sprintf("and %d more", len(e.Devices)-i), "")
			break
		}
		add(d.ID, d.Name, "search kernel "+d.SearchKernel)
	}
	add("GPU driver", e.Driver, "")
	system := e.OS + "/" + e.Arch
	if e.Kernel != "" {
		system += ", kernel " + e.Kernel
	}
	add("System", system, "")
	add("Hypervisor", e.Virtual, "a virtual machine hides the clock of its cores and its neighbours")
	add("Governor", e.Governor, "")
	add("Threads in use", fmt.Sprint(e.Threads), processText(e))
	add("Program", "stele "+e.Version, "built with "+e.Go)
	if t := r.Timing; len(r.Cases) > 0 {
		settled := "steady after"
		if !t.Settled {
			settled = "not steady after"
		}
		add("Measurement", fmt.Sprintf("%d rounds of %s in slices of %.1f ms", t.Rounds, bench.Count(len(r.Cases), "case"), t.SliceSeconds*1e3),
			fmt.Sprintf("warm-up: %s %.1f s; the order of the cases is random in each round", settled, t.WarmUpSeconds))
	}
	add("Energy from", e.Energy, "")
	add("No energy", e.EnergyAbsent, "")
	add("No limit", e.LimitAbsent, "")
	add("No counter of cycles", e.CounterAbsent, "")
	return out
}

// processText describes the limits of the process.
func processText(e bench.Environment) string {
	p := e.Process
	if p.CPUs == 0 {
		return ""
	}
	text := "may run on " + bench.Count(p.CPUs, "CPU")
	if p.Cores > 0 {
		text += " of " + bench.Count(p.Cores, "core")
	}
	if p.Quota > 0 {
		text += fmt.Sprintf(", quota %.3g", p.Quota)
	}
	if e.SMT != nil && *e.SMT {
		text += "; cores run several threads"
	}
	return text
}

// proofView is the proof of the work done.
type proofView struct {
	ID, Note, Header string

	Panel *panel
	Sets  [][]fact
}

// maxSets bounds the sets that a page lists.
const maxSets = 16

func newProof(s Source, id string) *proofView {
	r := s.Result
	v := &proofView{ID: id, Header: bench.GenesisHeader,
		Note: "The measured work is itself the proof: a search walks through a fixed range of nonces of a published header, Bitcoin's block 0, and must find exactly the known set, no nonce missing and none too many. Lists of signatures, records and blocks have known answers."}
	for i, p := range r.Proofs {
		if i == maxSets {
			break
		}
		found := 0
		for _, c := range r.Cases {
			if c.Proof != nil && c.Proof.Range == p.Name && c.Proof.Digest == p.Digest {
				found++
			}
		}
		v.Sets = append(v.Sets, []fact{
			{p.Name, fmt.Sprintf("%s of %d hashes, from nonce %d", bench.Count(len(p.Nonces), "nonce"), p.Count, p.First), fmt.Sprintf("at least %d leading zero bits; found by %s", p.ZeroBits, bench.Count(found, "case"))},
			{"Digest", p.Digest, ""},
		})
	}
	seen := map[bench.Answers]bool{}
	for _, c := range r.Cases {
		if c.Answers != nil && !seen[c.Answers.Answers] && len(seen) < maxSets {
			seen[c.Answers.Answers] = true
			v.Sets = append(v.Sets, []fact{{c.Answers.List, "the answers to a list of " + c.Mode.Unit(), ""}, {"Digest", c.Answers.Digest, ""}})
		}
	}
	if s.Check != nil && s.Check.Good() {
		v.Panel = &panel{Class: "ok", Title: "Checked when this page was made.", Lines: s.Check.Confirmed}
	}
	return v
}

// newScatter returns the plot of the points of a sweep of one device.
func newScatter(points []bench.SweepPoint) template.HTML {
	var all, front []svg.Point
	for _, p := range points {
		if p.Watts <= 0 {
			continue
		}
		q := svg.Point{X: p.Watts, Y: p.Rate.Median / 1e6}
		all = append(all, q)
		if p.Pareto {
			front = append(front, q)
		}
	}
	slices.SortStableFunc(front, func(a, b svg.Point) int { return cmp.Compare(a.X, b.X) })
	return svg.Plot{
		Title:  fmt.Sprintf("Rate against power of %s; %d are not beaten by another", bench.Count(len(all), "setting"), len(front)),
		Height: 220, X: svg.Axis{Label: "watts"}, Y: svg.Axis{Label: "millions per second", Zero: true},
		Series: []svg.Series{{Kind: svg.Line, Color: svg.Accent, Points: front}, {Kind: svg.Rings, Color: svg.Neutral, Points: all}, {Kind: svg.Dots, Color: svg.Accent, Points: front}},
	}.HTML()
}
