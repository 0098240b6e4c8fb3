package report

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"slices"

	"stele/bench"
	"stele/bench/report/svg"
)

// Bounds of what a page draws of a mode.
const (
	maxRows   = 200 // cases in a table
	maxRest   = 40  // cases with a chart besides the fastest
	maxPoints = 200 // of a chart of samples
	maxLadder = 12  // kernels with a chart of their scaling
)

// modeView is what a page shows of a mode of a result.
type modeView struct {
	ID, Title, BarNote, LimitNote, Omitted string
	HasLimit, HasEnergy, HasDoubts         bool

	Rows    []caseRow
	Main    *chartView
	Rest    []chartView
	Scaling []scalingView
}

// caseRow is a case in the table of a mode.
type caseRow struct {
	Name, Rate, Interval, Limit, Cycles, Ratio, Energy, Spread string

	Best   bool
	Bar    template.HTML
	Doubts []mark
}

// chartView is the samples of a case.
type chartView struct {
	Name, Caption, SpreadCaption string
	Samples, Distribution        template.HTML
}

// scalingView is the rate of a kernel over threads.
type scalingView struct {
	Name, Caption string
	Plot          template.HTML
}

func newMode(r *bench.Result, mode bench.Mode, id string) modeView {
	v := modeView{ID: id, Title: title(mode)}
	cases := r.Sorted(mode)
	longest := map[string]float64{} // a GPU would leave nothing to see of a CPU
	for i := range cases {
		scale := scaleOf(&cases[i])
		longest[scale] = max(longest[scale], cases[i].Rate.High, limitRate(&cases[i]))
	}
	if len(longest) > 1 {
		v.BarNote = "The bars of each device have a scale of their own."
	}
	top := headline(r, mode)
	for i := range cases {
		c := &cases[i]
		if i == maxRows {
			v.Omitted = fmt.Sprintf("%d slower cases are not shown.", len(cases)-i)
			break
		}
		row := newRow(c, longest[scaleOf(c)])
		row.Best = top != nil && c.ID == top.ID
		v.HasLimit = v.HasLimit || c.Limit != nil
		v.HasEnergy = v.HasEnergy || row.Energy != notKnown
		v.HasDoubts = v.HasDoubts || len(row.Doubts) > 0
		v.Rows = append(v.Rows, row)
		switch {
		case row.Best || top == nil && i == 0:
			main := newChart(r, c, true)
			v.Main = &main
		case len(v.Rest) < maxRest:
			v.Rest = append(v.Rest, newChart(r, c, false))
		}
	}
	if v.HasLimit {
		v.LimitNote = "The limit of a CPU kernel is what the execution ports of its cores allow, that of a GPU what its pipes allow, at the clock that was measured."
	} else if r.Environment.LimitAbsent != "" {
		v.LimitNote = "The limit of this processor is not known: " + r.Environment.LimitAbsent + "."
	}
	v.Scaling = scaling(cases)
	return v
}

// scaleOf names the scale of the bar of a case: CPU kernels share one, with or without
// the engine.
func scaleOf(c *bench.CaseResult) string {
	if c.Device == bench.Bare {
		return "cpu"
	}
	return c.Device
}

func newRow(c *bench.CaseResult, longest float64) caseRow {
	t := c.Mode.RateText(c.Rate)
	row := caseRow{
		Name: c.Words(), Rate: t.Rate + " " + t.Unit, Interval: t.Low + " to " + t.High,
		Limit: limitText(c), Ratio: ratioText(c.Ratio), Energy: energyText(c), Spread: percent1(c.Rate.Spread), Doubts: doubts(c.Flags),
	}
	if l := c.Limit; l != nil {
		row.Cycles = fmt.Sprintf("%.4g of %.4g cycles", l.LimitCycles, l.CyclesPerItem)
	}
	color := svg.Accent
	if c.Kernel == bench.Reference {
		color = svg.Neutral
	}
	row.Bar = svg.Bar{Value: c.Rate.Median, Low: c.Rate.Low, High: c.Rate.High, Limit: limitRate(c), Max: longest * 1.02, Color: color}.HTML()
	return row
}

// newChart draws the samples of a case over time, and in full also their distribution.
func newChart(r *bench.Result, c *bench.CaseResult, full bool) chartView {
	scale, prefix := bench.Prefix(c.Rate.Median)
	unit := c.Mode.RateUnit(prefix)
	disturbed := 0
	for _, s := range c.Samples {
		if !s.Quiet() {
			disturbed++
		}
	}
	v := chartView{Name: c.Words(), Caption: fmt.Sprintf("%d samples, %d disturbed", len(c.Samples), disturbed)}
	quiet, odd, each := samplePoints(r, c, scale)
	if each > 1 {
		v.Caption += fmt.Sprintf("; each point is the median of about %d, disturbed if one of them was", each)
	}
	plot := svg.Plot{
		Title:  fmt.Sprintf("%s over time: %d samples, %d of them disturbed, median %s", v.Name, len(c.Samples), disturbed, rateWords(c.Mode, c.Rate)),
		Height: 90, X: svg.Axis{Label: timeLabel(r)}, Y: svg.Axis{Label: unit},
		Series: []svg.Series{{Kind: svg.Rings, Color: svg.Warn, Points: odd}, {Kind: svg.Dots, Color: svg.Accent, Points: quiet}},
		Levels: []svg.Level{{At: c.Rate.Median / scale}},
	}
	if full {
		plot.Height = 220
		v.Distribution, v.SpreadCaption = distribution(c, scale, unit)
	}
	v.Samples = plot.HTML()
	return v
}

// timeLabel names the axis of time.
func timeLabel(r *bench.Result) string {
	if secondsPerRound(r) > 0 {
		return "seconds since the warm-up"
	}
	return "round"
}

// secondsPerRound is the mean distance of two samples of a case; 0 if it is not known.
func secondsPerRound(r *bench.Result) float64 {
	if t := r.Timing; t.Rounds > 0 && t.Seconds > 0 && t.Seconds < 1e9 {
		return t.Seconds / float64(t.Rounds)
	}
	return 0
}

// samplePoints returns the quiet and the disturbed samples of a case as points, and of how
// many samples each of them is the median.
func samplePoints(r *bench.Result, c *bench.CaseResult, scale float64) (quiet, odd []svg.Point, each int) {
	step := cmp.Or(secondsPerRound(r), 1)
	bounds := svg.Thin(len(c.Samples), maxPoints)
	for i := 1; i < len(bounds); i++ {
		part := c.Samples[bounds[i-1]:bounds[i]]
		rates, isQuiet := make([]float64, len(part)), true
		for j, s := range part {
			rates[j] = s.Rate() / scale
			isQuiet = isQuiet && s.Quiet()
		}
		p := svg.Point{X: step * float64(bounds[i-1]+bounds[i]-1) / 2, Y: bench.Median(rates)}
		each = max(each, len(part))
		if isQuiet {
			quiet = append(quiet, p)
		} else {
			odd = append(odd, p)
		}
	}
	return quiet, odd, each
}

// distribution draws how often each rate was measured, of the samples that count.
func distribution(c *bench.CaseResult, scale float64, unit string) (template.HTML, string) {
	var rates []float64
	for _, s := range c.Counted() {
		rates = append(rates, s.Rate()/scale)
	}
	sorted := slices.Sorted(slices.Values(rates))
	quartile := func(q float64) float64 { return sorted[int(math.Round(q*float64(len(sorted)-1)))] }
	low, high := quartile(0.25), quartile(0.75)
	median := c.Rate.Median / scale
	caption := fmt.Sprintf("%d samples count. Half of them are from %.4g to %.4g %s", len(rates), low, high, unit)
	return svg.Plot{
		Title:  fmt.Sprintf("Distribution: median %.4g %s, half of the samples from %.4g to %.4g", median, unit, low, high),
		Height: 220, X: svg.Axis{Label: unit}, Y: svg.Axis{Label: "samples", Zero: true},
		Series: []svg.Series{{Kind: svg.Columns, Color: svg.Accent, Points: svg.Histogram(rates, min(24, max(8, len(rates)/4)))}},
		Marks:  []svg.Mark{{At: low, Dashed: true}, {At: median}, {At: high, Dashed: true}},
	}.HTML(), caption
}

// scaling draws the rates of each kernel that was measured with several numbers of
// threads.
func scaling(cases []bench.CaseResult) (out []scalingView) {
	type kernel struct{ device, name string }
	ladders := map[kernel][]bench.CaseResult{}
	var order []kernel
	for _, c := range cases {
		k := kernel{c.Device, c.Kernel}
		if c.Threads == 0 {
			continue
		}
		if ladders[k] == nil {
			order = append(order, k)
		}
		ladders[k] = append(ladders[k], c)
	}
	for _, k := range order {
		if ladder := ladders[k]; len(ladder) > 1 && len(out) < maxLadder {
			slices.SortFunc(ladder, func(a, b bench.CaseResult) int { return cmp.Compare(a.Threads, b.Threads) })
			out = append(out, newScaling(ladder))
		}
	}
	return out
}

// newScaling draws the rates of a kernel over threads; the cases are sorted by threads.
func newScaling(ladder []bench.CaseResult) scalingView {
	first, last := ladder[0], ladder[len(ladder)-1]
	scale, prefix := bench.Prefix(last.Rate.Median)
	var measured, ideal []svg.Point
	var ticks []svg.Tick
	for _, c := range ladder {
		x := float64(c.Threads)
		measured = append(measured, svg.Point{X: x, Y: c.Rate.Median / scale, Low: c.Rate.Low / scale, High: c.Rate.High / scale})
		ideal = append(ideal, svg.Point{X: x, Y: first.Rate.Median / scale * x / float64(first.Threads)})
		ticks = append(ticks, svg.Tick{At: x, Text: fmt.Sprint(c.Threads)})
	}
	factor := last.Rate.Median / first.Rate.Median
	caption := fmt.Sprintf("%s: %.2f × the rate of %d", bench.Count(last.Threads, "thread"), factor, first.Threads)
	return scalingView{Name: first.Device + " " + first.Kernel, Caption: caption, Plot: svg.Plot{
		Title:  first.Device + " " + first.Kernel + ", " + caption,
		Height: 150, X: svg.Axis{Label: "threads", Ticks: thinTicks(ticks)}, Y: svg.Axis{Label: first.Mode.RateUnit(prefix), Zero: true},
		Series: []svg.Series{
			{Kind: svg.Dashed, Points: ideal},
			{Kind: svg.Line, Color: svg.Accent, Points: measured},
			{Kind: svg.Whisker, Color: svg.Ink, Points: measured},
			{Kind: svg.Dots, Color: svg.Accent, Points: measured},
		},
	}.HTML()}
}

// thinTicks keeps at most eight ticks, among them the first and the last.
func thinTicks(ticks []svg.Tick) (kept []svg.Tick) {
	const most = 8
	if len(ticks) <= most {
		return ticks
	}
	for i := range most {
		kept = append(kept, ticks[i*(len(ticks)-1)/(most-1)])
	}
	return kept
}
