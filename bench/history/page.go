package history

import (
	"bytes"
	_ "embed" // for the page
	"fmt"
	"html/template"
	"io"
	"math"
	"time"

	"stele/bench"
	"stele/bench/report"
	"stele/bench/report/svg"
)

//go:embed page.html
var pageHTML string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// page is the data of the template.
type page struct {
	CSS      template.CSS
	Policy   string
	Answer   string
	Machines []machineView
}

type machineView struct {
	Anchor, Name, ID, From, To string

	Runs    int
	Series  []seriesView
	Changes []changeView
}

type seriesView struct {
	Anchor, Case, Newest, Interval, Kernel, ToMedian string

	Reliable bool
	Runs     int
	Chart    template.HTML
}

type changeView struct {
	Letter, At, What, Old, New string
}

// WriteHTML writes a page with a chart for each case of each machine, in UTF-8. It is
// complete in itself and has no script.
func WriteHTML(w io.Writer, machines []Machine) error {
	p := page{}
	p.CSS, p.Policy = report.Style()
	runs := 0
	for i, m := range machines {
		runs += m.Runs
		p.Machines = append(p.Machines, m.view(i))
	}
	p.Answer = fmt.Sprintf("Machines: %d. Runs: %d.", len(machines), runs)
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (m Machine) view(index int) machineView {
	v := machineView{
		Anchor: fmt.Sprint("m", index+1), Name: m.Name, ID: m.ID, Runs: m.Runs,
		From: m.First.Format(time.DateOnly), To: m.Last.Format(time.DateOnly),
	}
	letters := m.letters()
	for _, c := range m.Changes {
		v.Changes = append(v.Changes, changeView{letters[c.Started], c.Started.Format(time.DateTime), c.What, c.Old, c.New})
	}
	for i, s := range m.Series {
		v.Series = append(v.Series, s.view(m, fmt.Sprintf("%s-%d", v.Anchor, i+1), letters))
	}
	return v
}

// view returns a series over the time of its machine.
func (s Series) view(m Machine, anchor string, letters map[time.Time]string) seriesView {
	newest := s.Points[len(s.Points)-1]
	rate := s.Mode.RateText(bench.Stats{Median: newest.Rate, Low: newest.Low, High: newest.High})
	v := seriesView{
		Anchor: anchor, Case: s.Case, Newest: rate.Rate + " " + rate.Unit, Interval: rate.Low + " to " + rate.High,
		Kernel: newest.Kernel, Reliable: newest.Reliable, Runs: len(s.Points), ToMedian: "-",
	}
	if rates := s.reliable(); len(rates) > 0 {
		v.ToMedian = fmt.Sprintf("%+.1f %%", (newest.Rate/bench.Median(rates)-1)*100)
	}
	v.Chart = s.plotOver(m, letters, fmt.Sprintf("%s over time: the newest of %d runs is %s, %s from the median.", s.Case, v.Runs, v.Newest, v.ToMedian)).HTML()
	return v
}

// plotOver returns the chart of a series over the time of its machine.
func (s Series) plotOver(m Machine, letters map[time.Time]string, title string) svg.Plot {
	scale, prefix := bench.Prefix(s.Points[len(s.Points)-1].Rate)
	reliable := svg.Series{Kind: svg.Dots, Color: svg.Accent}
	whiskers := svg.Series{Kind: svg.Whisker, Color: svg.Accent}
	doubtful := svg.Series{Kind: svg.Rings, Color: svg.Warn}
	for _, p := range s.Points {
		at := svg.Point{X: days(p.Started), Y: p.Rate / scale, Low: p.Low / scale, High: p.High / scale}
		if !p.Reliable {
			doubtful.Points = append(doubtful.Points, at)
			continue
		}
		reliable.Points = append(reliable.Points, at)
		whiskers.Points = append(whiskers.Points, at)
	}
	plot := svg.Plot{
		Title:  title,
		Detail: "A dot is a run with its 95 % interval, a ring a run without a reliable rate. Letters mark changes.",
		X:      dates(m.First, m.Last),
		Y:      svg.Axis{Label: s.Mode.RateUnit(prefix)},
		Series: []svg.Series{whiskers, reliable, doubtful},
	}
	marked := map[time.Time]bool{}
	for _, c := range m.Changes {
		if !marked[c.Started] {
			marked[c.Started] = true
			plot.Marks = append(plot.Marks, svg.Mark{At: days(c.Started), Text: letters[c.Started], Dashed: true})
		}
	}
	if rates := s.reliable(); len(rates) > 0 {
		plot.Levels = []svg.Level{{At: bench.Median(rates) / scale}}
	}
	return plot
}

// days returns a time as days since 1970.
func days(t time.Time) float64 { return float64(t.Unix()) / 86400 }

// dates returns the axis of the time from first to last, UTC.
func dates(first, last time.Time) svg.Axis {
	const count = 4 // labels, or one more
	layout := "2 Jan"
	if last.Year() != first.Year() {
		layout = "2006-01"
	}
	low, high := days(first), days(last)
	if high-low < 1 {
		low, high = low-0.5, high+0.5
	}
	axis := svg.Axis{Label: "start of the run, UTC", Low: low, High: high}
	step := max(1, math.Ceil((high-low)/count))
	for at := math.Ceil(low); at <= high; at += step {
		axis.Ticks = append(axis.Ticks, svg.Tick{At: at, Text: time.Unix(int64(at)*86400, 0).UTC().Format(layout)})
	}
	return axis
}
