package screen

import (
	"fmt"
	"math"
	"strings"

	"github.com/rivo/uniseg"

	"stele/internal/text"
)

// Painter makes lines of styled text that fit a terminal. It has no state.
type Painter struct {
	Width  int  // columns of the terminal
	Height int  // rows of the terminal; 0: no limit
	Color  bool // with the escape codes of ECMA-48 for colours, bold and faint
	ASCII  bool // only characters of ASCII
}

// LabelWidth is how many columns the label of a row takes.
const LabelWidth = 11

// Style is how a piece of a line is shown. A style never carries a meaning alone: the
// words say the same.
type Style int

// The styles. A style that names a state has a colour of the 16 that every terminal
// has, which its user can choose.
const (
	Plain   Style = iota
	Faint         // details
	Bold          // the answer
	Good          // green: accepted, connected
	Great         // bold and green: a block found
	Warning       // yellow: something to look at
	Bad           // red: rejected, failed
)

// sgr has the parameters of SGR (ECMA-48, 8.3.117) of the styles.
var sgr = map[Style]string{Faint: "2", Bold: "1", Good: "32", Great: "1;32", Warning: "33", Bad: "31"}

// Span is a piece of a line.
type Span struct {
	Style Style
	Text  string
}

// Sprint returns text in this style.
func (s Style) Sprint(text string) Span { return Span{s, text} }

// Sprintf returns formatted text in this style.
func (s Style) Sprintf(format string, args ...any) Span { return Span{s, fmt.Sprintf(format, args...)} }

// Row returns a line that begins with a label in a column of its own.
func (p Painter) Row(label string, spans ...Span) string {
	return p.Line(append([]Span{Faint.Sprint(label + strings.Repeat(" ", max(LabelWidth-uniseg.StringWidth(label), 0)))}, spans...)...)
}

// Line joins spans to a line, with escape codes if p.Color is set. A line that is
// wider than the terminal is cut, and ends with an ellipsis. Characters that are not
// printable become blanks, so that no text can write escape codes of its own.
func (p Painter) Line(spans ...Span) string {
	all := 0
	for i, s := range spans {
		spans[i].Text = text.Clean(s.Text, math.MaxInt)
		all += uniseg.StringWidth(spans[i].Text)
	}
	left, end := p.Width, ""
	if all > p.Width {
		end = p.ellipsis(p.Width)
		left -= uniseg.StringWidth(end)
	}
	var b strings.Builder
	for _, s := range spans {
		fits := prefix(s.Text, left)
		if left -= uniseg.StringWidth(fits); fits != s.Text {
			left = 0 // a wide character did not fit: nothing may follow it
		}
		switch code := sgr[s.Style]; {
		case fits == "":
		case p.Color && code != "":
			b.WriteString("\x1b[" + code + "m" + fits + "\x1b[0m")
		default:
			b.WriteString(fits)
		}
	}
	return strings.TrimRight(b.String()+end, " ")
}

// Cut returns text in at most the given number of columns. A longer text ends with an
// ellipsis.
func (p Painter) Cut(text string, columns int) string {
	if uniseg.StringWidth(text) <= columns {
		return text
	}
	end := p.ellipsis(columns)
	return prefix(text, columns-uniseg.StringWidth(end)) + end
}

// ellipsis returns what ends a text that was cut, in at most the given number of
// columns.
func (p Painter) ellipsis(columns int) string {
	switch {
	case columns < 1:
		return ""
	case p.ASCII:
		return "..."[:min(3, columns)]
	}
	return "…"
}

// prefix returns the longest beginning of text, in whole characters, that takes at most
// the given number of columns.
func prefix(text string, columns int) string {
	end, state := 0, -1
	for rest := text; rest != ""; {
		var cluster string
		var width int
		cluster, rest, width, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if columns -= width; columns < 0 {
			break
		}
		end += len(cluster)
	}
	return text[:end]
}
