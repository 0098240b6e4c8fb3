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
	"stele/bench/report/svg"
)

//go:embed page.html
var pageHTML string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// page is the data of the template.
type page struct {
	Machines []machineView
}

type machineView struct {
	Machine
	From, To string
	Series   []seriesView
	Changes  []changeView
}

type seriesView struct {
	Case    string
	Chart   template.HTML
	Summary string
}

type changeView struct {
	Letter, At, What, Old, New string
}

// WriteHTML writes a page with a chart for each case of each machine, in UTF-8. It is
// complete in itself and has no script.
func WriteHTML(w io.Writer, machines []Machine) error {
	p := page{}
	for _, m := range machines {
		p.Machines = append(p.Machines, m.view())
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (m Machine) view() machineView {
	v := machineView{Machine: m, From: m.First.Format(time.DateOnly), To: m.Last.Format(time.DateOnly)}
	letters := m.letters()
	for _, c := range m.Changes {
		v.Changes = append(v.Changes, changeView{letters[c.Started], c.Started.Format(time.DateTime), c.What, c.Old, c.New})
	}
	for _, s := range m.Series {
		v.Series = append(v.Series, s.view(m, letters))
	}
	return v
}

// view draws a series over the time of the machine.
func (s Series) view(m Machine, letters map[time.Time]string) seriesView {
	newest := s.Points[len(s.Points)-1]
	scale, prefix := bench.Prefix(newest.Rate)
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
	rate := s.Mode.RateText(bench.Stats{Median: newest.Rate, Low: newest.Low, High: newest.High})
	summary := fmt.Sprintf("newest %s, kernel %s; %d runs", rate, newest.Kernel, len(s.Points))
	plot := svg.Plot{
		Title:  fmt.Sprintf("%s: %s", s.Case, summary),
		Detail: "Each dot is a run with its 95 % interval, each ring a run without a reliable rate. Letters mark changes.",
		X:      svg.Axis{Label: "date", Ticks: dates(m.First, m.Last)},
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
		plot.Levels = []svg.Level{{At: bench.Median(rates) / scale, Text: "median"}}
	}
	return seriesView{Case: s.Case, Chart: plot.HTML(), Summary: summary}
}

// days returns a time as days since 1970.
func days(t time.Time) float64 { return float64(t.Unix()) / 86400 }

// dates returns the labelled days of an axis.
func dates(first, last time.Time) (ticks []svg.Tick) {
	const most = 6
	low, high := math.Floor(days(first)), math.Ceil(days(last))
	if high <= low {
		high = low + 1
	}
	step := max(1, math.Ceil((high-low)/most))
	for at := low; at <= high; at += step {
		ticks = append(ticks, svg.Tick{At: at, Text: time.Unix(int64(at)*86400, 0).UTC().Format(time.DateOnly)})
	}
	return ticks
}
