package lab

import (
	"bytes"
	_ "embed" // page.html and page.css
	"fmt"
	"html/template"
	"time"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{"time": timeWords, "bytes": byteWords}).Parse(pageHTML))

// timeWords returns seconds as people read them.
func timeWords(s float64) string {
	switch {
	case s == 0:
		return "0"
	case s < 0.9995:
		return fmt.Sprintf("%.0f ms", s*1000)
	case s < 99.95:
		return fmt.Sprintf("%.1f s", s)
	}
	return fmt.Sprintf("%.0f s", s)
}

func byteWords(n uint64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

// page is what the template shows.
type page struct {
	*Report
	CSS    template.CSS
	Answer string
	Tree   template.HTML
	Miners []minerLegend
	Faults []faultRow
}

type minerLegend struct{ Class, Text string }

type faultRow struct {
	No           int
	Text, Healed string
}

// HTML returns the report as a page that needs nothing else, and has no script.
func (rep *Report) HTML() ([]byte, error) {
	p := page{Report: rep, CSS: template.CSS(pageCSS), Answer: rep.answer(), Tree: rep.tree.svg()} //nolint:gosec // our own text
	r := rep.tree.r
	for c := range min(minerColours, r.Plan.Nodes) {
		var miners Set
		for n := c; n < r.Plan.Nodes; n += minerColours {
			miners = append(miners, n)
		}
		p.Miners = append(p.Miners, minerLegend{fmt.Sprintf("c%d", c), "node " + miners.String()})
	}
	for i, f := range r.Plan.Faults {
		p.Faults = append(p.Faults, faultRow{i + 1, f.String(), healedWords(r, f)})
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func healedWords(r *Result, f Fault) string {
	end := f.end(r.Plan)
	if f.Kind == Heal || f.Kind == Hostile || end >= r.Plan.Time {
		return ""
	}
	switch d := r.healedFrom(f); d {
	case Never:
		return "not before the end"
	case 0:
		return "at once"
	default:
		return timeWords(d.Seconds())
	}
}

// answer returns the result in a sentence.
func (rep *Report) answer() string {
	for _, i := range rep.Invariants {
		if !i.Held {
			return fmt.Sprintf("At %s, %s. The log lines around it are with the invariant below.", timeWords(i.At), i.First)
		}
	}
	plan := rep.tree.r.Plan
	return fmt.Sprintf("%d nodes agreed after %d faults in %s, and every record that a node acknowledged is accounted for.",
		plan.Nodes, len(plan.Faults), words(plan.Time.Round(time.Second)))
}
