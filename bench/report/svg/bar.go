package svg

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// Bar is a horizontal bar for a row of a table. Its row must have the value in words.
type Bar struct {
	Value     float64
	Low, High float64 // the ends of the interval; both 0 for none
	Limit     float64 // where the mark of a limit is; 0 for none
	Max       float64 // the value at the right end, the same for all bars of a table
	Color     Color
	Title     string // the row in words, for a screen reader; "" hides the bar from it
}

// HTML returns the bar. What is beyond Max ends at Max.
func (r Bar) HTML() template.HTML {
	at := func(v float64) float64 {
		if !finite(v) || !(r.Max > 0) {
			return 0
		}
		return place(v, 0, r.Max) * unit
	}
	var b strings.Builder
	if r.Title == "" {
		b.WriteString(`<svg class="ch" height="20" aria-hidden="true"`)
	} else {
		b.WriteString(`<svg class="ch" height="20" role="img"`)
	}
	fmt.Fprintf(&b, ` viewBox="0 0 %d 20" preserveAspectRatio="none">`, unit)
	if r.Title != "" {
		fmt.Fprintf(&b, `<title>%s</title>`, escape(r.Title))
	}
	fmt.Fprintf(&b, `<path class="bg" d="M0 4H%dV16H0Z"/><path class="col %s" d="M0 4H%.0fV16H0Z"/>`, unit, r.Color, at(r.Value))
	if r.Low < r.High {
		d := fmt.Sprintf("M%.0f 10H%.0fM%.0f 6V14M%.0f 6V14", at(r.Low), at(r.High), at(r.Low), at(r.High))
		fmt.Fprintf(&b, `<path class="ih" d="%s"/><path class="iv" d="%s"/>`, d, d)
	}
	if r.Limit > 0 {
		fmt.Fprintf(&b, `<path class="lm" d="M%.0f 0V20"/>`, at(r.Limit))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

// Histogram returns the numbers of values in n parts of equal width between the lowest
// and the highest, as points for a series of [Columns]: X is the middle of a part.
// Values that are not finite are left out.
func Histogram(values []float64, n int) []Point {
	var kept []float64
	for _, v := range values {
		if finite(v) {
			kept = append(kept, v)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	low, high := kept[0], kept[0]
	for _, v := range kept {
		low, high = min(low, v), max(high, v)
	}
	n = max(n, 1)
	width := (high/2 - low/2) * 2 / float64(n)
	if !finite(width) || width <= 1e-12*max(high, -low) { // all alike
		x := low/2 + high/2
		side := max(math.Abs(x)*0.01, 1e-9)
		return []Point{
			{X: max(x-side, -math.MaxFloat64)},
			{X: x, Y: float64(len(kept))},
			{X: min(x+side, math.MaxFloat64)},
		}
	}
	points := make([]Point, n)
	for i := range points {
		points[i].X = low + (float64(i)+0.5)*width
	}
	for _, v := range kept {
		points[min(int((v-low)/width), n-1)].Y++
	}
	return points
}
