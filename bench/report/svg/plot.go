package svg

import (
	_ "embed" // for CSS
	"fmt"
	"html/template"
	"math"
	"strings"
)

// CSS has the rules of the classes that charts use.
//
//go:embed svg.css
var CSS template.CSS

// Color is a colour of the page, by what it means.
type Color string

// The colours. None carries a meaning alone: a legend names each series.
const (
	Accent  Color = "ca" // what the chart is about
	Neutral Color = "cn" // what it is compared with
	Good    Color = "cg"
	Warn    Color = "cw"
	Bad     Color = "cb"
	Ink     Color = "ci"
)

// Kind is how the points of a series are drawn.
type Kind int

// The kinds.
const (
	Dots    Kind = iota // a filled circle at each point
	Rings               // a hollow circle at each point
	Line                // a line from point to point
	Dashed              // a dashed line from point to point, in the colour of text
	Steps               // a line that keeps the value of a point up to the next
	Columns             // columns from 0, each as wide as the distance of the points
	Whisker             // a vertical line from Low to High at each point
)

// Point is a point of a series. Low and High are for [Whisker] only.
type Point struct {
	X, Y      float64
	Low, High float64
}

// Series is a set of points that are drawn alike.
type Series struct {
	Kind   Kind
	Color  Color
	Points []Point
}

// Axis is an axis. The zero value fits the data.
type Axis struct {
	// Label names the quantity and its unit.
	Label string
	// Zero makes the axis begin at 0.
	Zero bool
	// Low and High are values that the axis includes, if Low is below High.
	Low, High float64
	// Ticks are the labelled values, instead of round numbers.
	Ticks []Tick
}

// Tick is a labelled value of an axis.
type Tick struct {
	At   float64
	Text string
}

// Mark is a vertical line at a value of the horizontal axis.
type Mark struct {
	At     float64
	Text   string // above the line; "" for none
	Dashed bool
}

// Level is a dashed horizontal line at a value of the vertical axis.
type Level struct {
	At   float64
	Text string // above the line, at its end; "" for none
}

// Plot is a chart with two axes.
type Plot struct {
	Title  string // the finding in a sentence, with its numbers: what a screen reader says
	Detail string // how to read the chart; "" for nothing
	Height int    // of the area of the data, in pixels; 0 means 180
	X, Y   Axis
	Series []Series
	Marks  []Mark
	Levels []Level
	Notes  []Note
}

// Note is a text beside a point.
type Note struct {
	X, Y float64
	Text string
}

// The size of the drawing area in its own units, to which the shapes are rounded.
const unit = 2000

// frame is the range of the data, to which the drawing area is stretched.
type frame struct {
	x0, x1, y0, y1 float64
	height         float64 // in pixels
}

func (f frame) x(v float64) float64 { return place(v, f.x0, f.x1) }
func (f frame) y(v float64) float64 { return 1 - place(v, f.y0, f.y1) }

// place returns where a value is between two bounds, from 0 to 1.
func place(v, low, high float64) float64 {
	span := high/2 - low/2 // halves: the difference could overflow
	if !(span > 0) {
		return 0
	}
	return min(max(v/2-low/2, 0)/span, 1)
}

// at returns a point in the units of the drawing area.
func (f frame) at(x, y float64) string {
	return fmt.Sprintf("%.0f %.0f", f.x(x)*unit, f.y(y)*unit)
}

// HTML returns the plot.
func (p Plot) HTML() template.HTML {
	height := p.Height
	if height <= 0 {
		height = 180
	}
	const above, below = 26, 44
	f := p.frame(float64(height))
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="ch" role="img" height="%d"><title>%s</title>`, height+above+below, escape(p.Title))
	if p.Detail != "" {
		fmt.Fprintf(&b, `<desc>%s</desc>`, escape(p.Detail))
	}
	fmt.Fprintf(&b, `<text x="0" y="11">%s</text>`, escape(p.Y.Label))
	fmt.Fprintf(&b, `<svg class="in" x="58" y="%d" width="80%%" height="%d">`, above, height)
	p.axes(&b, f)
	fmt.Fprintf(&b, `<svg class="fit" width="100%%" height="100%%" viewBox="0 0 %d %d" preserveAspectRatio="none">`, unit, unit)
	for _, s := range p.Series {
		s.draw(&b, f)
	}
	p.lines(&b, f)
	b.WriteString(`</svg>`)
	p.words(&b, f)
	b.WriteString(`</svg></svg>`)
	return template.HTML(b.String())
}

// frame returns the range that the axes show.
func (p Plot) frame(height float64) frame {
	var xs, ys []float64
	for _, s := range p.Series {
		width := s.width()
		for _, q := range s.Points {
			if !s.drawn(q) {
				continue
			}
			xs = append(xs, q.X-width/2, q.X+width/2)
			if s.Kind == Whisker {
				ys = append(ys, q.Low, q.High)
			} else {
				ys = append(ys, q.Y)
			}
			if s.Kind == Columns {
				ys = append(ys, 0)
			}
		}
	}
	for _, m := range p.Marks {
		xs = append(xs, m.At)
	}
	for _, l := range p.Levels {
		ys = append(ys, l.At)
	}
	f := frame{height: height}
	f.x0, f.x1 = p.X.span(xs, 0)
	f.y0, f.y1 = p.Y.span(ys, 0.06)
	return f
}

// span returns the bounds of an axis, with a margin on either side as a part of the
// distance between the values.
func (a Axis) span(values []float64, margin float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	if a.Low < a.High {
		values = append(values, a.Low, a.High)
	}
	if a.Zero {
		values = append(values, 0)
	}
	for _, v := range values {
		if finite(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	if low > high {
		return 0, 1
	}
	pad := (high/2 - low/2) * 2 * margin
	if !finite(pad) {
		return low, high
	}
	if high-low <= 1e-9*max(math.Abs(low), math.Abs(high)) { // all alike
		pad = max(math.Abs(high)*0.01, 1e-300)
	}
	atZero := a.Zero && low >= 0
	low, high = max(low-pad, -math.MaxFloat64), min(high+pad, math.MaxFloat64)
	if atZero {
		low = 0
	}
	if low == high {
		high = low + 1
	}
	return low, high
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// ticks returns the labelled values of an axis that shows low to high.
func (a Axis) ticks(low, high float64, n int) []Tick {
	if a.Ticks != nil {
		return a.Ticks
	}
	var ticks []Tick
	step := tickStep(low, high, n)
	for _, v := range Ticks(low, high, n) {
		ticks = append(ticks, Tick{v, number(v, step)})
	}
	return ticks
}

// axes draws the grid and the words of the axes.
func (p Plot) axes(b *strings.Builder, f frame) {
	var grid, words strings.Builder
	for _, t := range p.Y.ticks(f.y0, f.y1, max(2, int(f.height/45))) {
		if t.At < f.y0 || t.At > f.y1 {
			continue
		}
		y := f.y(t.At)
		fmt.Fprintf(&grid, "M0 %.0fH%d", y*unit, unit)
		fmt.Fprintf(&words, `<text x="-8" y="%.0f" text-anchor="end">%s</text>`, y*f.height+4, escape(t.Text))
	}
	for _, t := range p.X.ticks(f.x0, f.x1, 5) {
		if t.At < f.x0 || t.At > f.x1 {
			continue
		}
		x := f.x(t.At)
		fmt.Fprintf(&words, `<text x="%.2f%%" y="%.0f" text-anchor="%s">%s</text>`, x*100, f.height+18, anchor(x), escape(t.Text))
	}
	if p.X.Label != "" {
		fmt.Fprintf(&words, `<text x="50%%" y="%.0f" text-anchor="middle">%s</text>`, f.height+37, escape(p.X.Label))
	}
	fmt.Fprintf(b, `<svg class="fit" width="100%%" height="100%%" viewBox="0 0 %d %d" preserveAspectRatio="none"><path class="gr" d="%s"/><path class="ax" d="M0 %dH%d"/></svg>%s`,
		unit, unit, grid.String(), unit, unit, words.String())
}

// anchor returns the alignment of a text at a place from 0 to 1, so that it stays inside.
func anchor(x float64) string {
	switch {
	case x < 0.04:
		return "start"
	case x > 0.96:
		return "end"
	}
	return "middle"
}

// lines draws marks and levels.
func (p Plot) lines(b *strings.Builder, f frame) {
	for _, l := range p.Levels {
		if finite(l.At) {
			fmt.Fprintf(b, `<path class="ds" d="M0 %.0fH%d"/>`, f.y(l.At)*unit, unit)
		}
	}
	for _, m := range p.Marks {
		class := "mk"
		if m.Dashed {
			class = "ds"
		}
		if finite(m.At) {
			x := f.x(m.At) * unit
			fmt.Fprintf(b, `<path class="hl" d="M%.0f 0V%d"/><path class="%s" d="M%.0f 0V%d"/>`, x, unit, class, x, unit)
		}
	}
}

// words writes the texts of marks, levels and notes.
func (p Plot) words(b *strings.Builder, f frame) {
	for _, m := range p.Marks {
		if m.Text != "" && finite(m.At) {
			x := f.x(m.At)
			fmt.Fprintf(b, `<text class="st" x="%.2f%%" y="-4" text-anchor="%s">%s</text>`, x*100, anchor(x), escape(m.Text))
		}
	}
	for _, l := range p.Levels {
		if l.Text != "" && finite(l.At) {
			fmt.Fprintf(b, `<text class="st" x="100%%" y="%.0f" text-anchor="end">%s</text>`, f.y(l.At)*f.height-5, escape(l.Text))
		}
	}
	for _, n := range p.Notes {
		if finite(n.X) && finite(n.Y) {
			x, shift, side := f.x(n.X), 8, "start"
			if x > 0.6 {
				shift, side = -8, "end"
			}
			fmt.Fprintf(b, `<text class="st" x="%.2f%%" y="%.0f" dx="%d" text-anchor="%s">%s</text>`, x*100, f.y(n.Y)*f.height-7, shift, side, escape(n.Text))
		}
	}
}

func escape(text string) string { return template.HTMLEscapeString(text) }
