package svg

import (
	"fmt"
	"math"
	"strings"
)

// drawn reports whether a point can be drawn.
func (s Series) drawn(q Point) bool {
	return finite(q.X) && finite(q.Y) && (s.Kind != Whisker || finite(q.Low) && finite(q.High))
}

// width returns the width of the columns of a series: the smallest distance of two
// neighbours; 0 if it has none.
func (s Series) width() float64 {
	if s.Kind != Columns {
		return 0
	}
	width := math.Inf(1)
	for i := 1; i < len(s.Points); i++ {
		if d := math.Abs(s.Points[i].X - s.Points[i-1].X); d > 0 {
			width = min(width, d)
		}
	}
	if !finite(width) {
		return 1
	}
	return width
}

// draw writes the shapes of a series.
func (s Series) draw(b *strings.Builder, f frame) {
	d := s.path(f)
	if d == "" {
		return
	}
	switch s.Kind {
	case Dots:
		fmt.Fprintf(b, `<path class="dt %s" d="%s"/>`, s.Color, d)
	case Rings:
		fmt.Fprintf(b, `<path class="rg %s" d="%s"/><path class="hole" d="%s"/>`, s.Color, d, d)
	case Line, Steps:
		fmt.Fprintf(b, `<path class="ln %s" d="%s"/>`, s.Color, d)
	case Dashed:
		fmt.Fprintf(b, `<path class="ds" d="%s"/>`, d)
	case Columns:
		fmt.Fprintf(b, `<path class="col %s" d="%s"/>`, s.Color, d)
	case Whisker:
		fmt.Fprintf(b, `<path class="wh %s" d="%s"/>`, s.Color, d)
	}
}

// path returns the shapes of a series as the data of a path.
func (s Series) path(f frame) string {
	var d strings.Builder
	width := s.width() * 0.86
	move := "M"
	for _, q := range s.Points {
		if !s.drawn(q) {
			continue
		}
		switch s.Kind {
		case Dots, Rings:
			fmt.Fprintf(&d, "M%sh.1", f.at(q.X, q.Y)) // a stroke of no length is not drawn everywhere
		case Columns:
			left, right := f.x(q.X-width/2)*unit, f.x(q.X+width/2)*unit
			fmt.Fprintf(&d, "M%.0f %.0fV%.0fH%.0fV%.0fZ", left, f.y(0)*unit, f.y(q.Y)*unit, right, f.y(0)*unit)
		case Whisker:
			fmt.Fprintf(&d, "M%sV%.0f", f.at(q.X, q.Low), f.y(q.High)*unit)
		case Steps:
			if move == "L" {
				fmt.Fprintf(&d, "H%.0f", f.x(q.X)*unit)
			}
			fmt.Fprintf(&d, "%s%s", move, f.at(q.X, q.Y))
		default:
			fmt.Fprintf(&d, "%s%s", move, f.at(q.X, q.Y))
		}
		move = "L"
	}
	return d.String()
}

// Thin divides the indices 0 to count-1 into at most n parts of about the same size. Part i
// has the indices from bounds[i] up to, not including, bounds[i+1].
func Thin(count, n int) (bounds []int) {
	n = min(max(n, 1), count)
	for i := range n + 1 {
		bounds = append(bounds, i*count/max(n, 1))
	}
	return bounds
}
