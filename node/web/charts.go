package web

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"stele/node/credit"
)

// column is a column of a chart.
type column struct {
	Value float64
	Title string // in words
}

// columnsChart draws columns over a dashed line at a target, the last one in the
// accent colour. What is higher than most is cut, and has a notch. The SVG is
// stretched to its place: words stand around it.
func columnsChart(columns []column, target, most float64, label string) template.HTML {
	const width, height, gap = 600.0, 144.0, 0.2
	var b strings.Builder
	fmt.Fprintf(&b, `<svg role="img" aria-label="%s" viewBox="0 0 %g %g" height="%g" preserveAspectRatio="none">`, template.HTMLEscapeString(label), width, height, height)
	b.WriteString(`<path class="lg" d="M0 .5H600M0 36H600M0 72H600M0 143.5H600"/>`)
	step := width / float64(max(len(columns), 1))
	for i, c := range columns {
		class, x := "fb", float64(i)*step+step*gap/2
		if i == len(columns)-1 {
			class = "fa"
		}
		h := max(2.5, height*min(c.Value/most, 1))
		fmt.Fprintf(&b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s</title></rect>`,
			class, x, height-h, step*(1-gap), h, template.HTMLEscapeString(c.Title))
		if c.Value > most {
			x, w := float64(i)*step, step/2
			fmt.Fprintf(&b, `<path class="fbg" d="M%.1f 8l%.1f -4l%.1f 4v4l-%.1f -4l-%.1f 4z"/>`, x, w, w, w, w)
		}
	}
	y := height * (1 - target/most)
	fmt.Fprintf(&b, `<path class="l dash" d="M0 %.1fH600"/></svg>`, y)
	return template.HTML(b.String())
}

// point is a dot on a scale.
type point struct{ Value float64 }

// scaleChart draws values on a scale from first to last: dots of others, a mark, and
// one of its own in the accent colour. Positions are percentages, so that nothing is
// stretched.
func scaleChart(first, last, mark, own float64, others []point, label, markText, ownText string) template.HTML {
	at := func(v float64) float64 { return 100 * min(max((v-first)/(last-first), 0), 1) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="wb" role="img" aria-label="%s" width="100%%" height="78">`, template.HTMLEscapeString(label))
	fmt.Fprintf(&b, `<rect class="fs" x="0" y="16" width="100%%" height="56"/><rect class="ft" x="%.2f%%" y="16" width="%.2f%%" height="56"/>`, at(mark), 100-at(mark))
	fmt.Fprintf(&b, `<line class="l" x1="%.2f%%" x2="%.2f%%" y1="14" y2="74"/>`, at(mark), at(mark))
	for i, p := range others {
		fmt.Fprintf(&b, `<circle class="fb" cx="%.2f%%" cy="%d" r="3.5"/>`, at(p.Value), 41+8*(i%4))
	}
	fmt.Fprintf(&b, `<circle class="fa" cx="%.2f%%" cy="23" r="7"/>`, at(own))
	fmt.Fprintf(&b, `<text x="%.2f%%" dx="-6" y="11" text-anchor="end">%s</text>`, at(mark), template.HTMLEscapeString(markText))
	anchor, shift := "start", 2
	if at(own) > 75 {
		anchor, shift = "end", 0
	}
	fmt.Fprintf(&b, `<text class="tb" x="%.2f%%" dx="%d" y="11" text-anchor="%s">%s</text></svg>`, max(at(own), at(mark)+0.5), shift, anchor, template.HTMLEscapeString(ownText))
	return template.HTML(b.String())
}

// pathChart draws a Merkle path of some steps: what is computed in the accent colour,
// the given siblings above it.
func pathChart(steps int, label string) template.HTML {
	const width = 1000.0
	step := (width - 62) / float64(max(steps, 1))
	step = min(step, 220)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="path" role="img" aria-label="%s" viewBox="0 0 1000 90" height="90" preserveAspectRatio="xMinYMid meet">`, template.HTMLEscapeString(label))
	x := func(i int) float64 { return 20 + float64(i)*step }
	for i := range steps {
		from, to := x(i)+11, x(i+1)-11
		middle := (from + to) / 2
		fmt.Fprintf(&b, `<path class="lb" d="M%.0f 27C%.0f 27 %.0f 70 %.0f 70"/><path class="la" d="M%.0f 70H%.0f"/>`, from, middle, middle, to, from, to)
		fmt.Fprintf(&b, `<rect class="fb" x="%.0f" y="16" width="22" height="22" rx="3"/>`, x(i)-11)
	}
	for i := range steps + 1 {
		class := "fa"
		if i == steps {
			class = "fi"
		}
		fmt.Fprintf(&b, `<rect class="%s" x="%.0f" y="59" width="22" height="22" rx="3"/>`, class, x(i)-11)
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

// logShare is how far a chance is on a logarithmic scale from 1 in a billion to 1.
func logShare(chance float64) float64 {
	if chance <= 0 {
		return 0
	}
	return 1 + math.Log10(chance)/9
}

// partBar is a part of a score, in parts of [credit.One].
type partBar struct {
	Name  string
	Value uint32
}

// partsChart draws thin bars below each other, that of the name decides in the accent
// colour, and a line at a score.
func partsChart(bars []partBar, decides string, score uint32, label string) template.HTML {
	const width, step, height = 1000.0, 7, 5
	at := func(v uint32) float64 { return width * float64(v) / credit.One }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="partbars" role="img" aria-label="%s" viewBox="0 0 %g %d" preserveAspectRatio="none">`, template.HTMLEscapeString(label), width, step*len(bars)-2)
	for i, p := range bars {
		class := "fb"
		if p.Name == decides {
			class = "fa"
		}
		fmt.Fprintf(&b, `<rect class="fs" y="%d" width="%g" height="%d"/><rect class="%s" y="%d" width="%.1f" height="%d"/>`, i*step, width, height, class, i*step, at(p.Value), height)
	}
	fmt.Fprintf(&b, `<path class="l" d="M%.1f 0V%d"/></svg>`, at(score), step*len(bars)-2)
	return template.HTML(b.String())
}

// periodBar is the mean of a period, in parts of [credit.One], and how many fifths of it
// count.
type periodBar struct {
	Period uint32
	Mean   uint32
	Fifths int
	Title  string
}

// periodsChart draws the means of the periods from first to last over a dashed line at the
// core, those that count for it in the accent colour.
func periodsChart(bars []periodBar, first, last, core uint32, label string) template.HTML {
	const width, height, gap = 600.0, 144.0, 0.2
	var b strings.Builder
	fmt.Fprintf(&b, `<svg role="img" aria-label="%s" viewBox="0 0 %g %g" height="%g" preserveAspectRatio="none">`, template.HTMLEscapeString(label), width, height, height)
	b.WriteString(`<path class="lg" d="M0 .5H600M0 36H600M0 72H600M0 108H600M0 143.5H600"/>`)
	step := width / float64(last-first+1)
	for _, p := range bars {
		class, h := "fb", max(2, height*float64(p.Mean)/credit.One)
		if p.Fifths > 0 {
			class = "fa"
		}
		fmt.Fprintf(&b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s</title></rect>`,
			class, float64(p.Period-first)*step+step*gap/2, height-h, step*(1-gap), h, template.HTMLEscapeString(p.Title))
	}
	fmt.Fprintf(&b, `<path class="l dash" d="M0 %.1fH600"/></svg>`, height*(1-float64(core)/credit.One))
	return template.HTML(b.String())
}
