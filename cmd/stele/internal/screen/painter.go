package screen

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Painter makes lines of styled text that fit a terminal. It has no state.
type Painter struct {
	Width int  // columns of the terminal
	Color bool // with the escape codes of ECMA-48 for bold and faint
	ASCII bool // only characters of ASCII
}

// LabelWidth is how many columns the label of a row takes.
const LabelWidth = 11

// Style is how a piece of a line is shown.
type Style int

// The styles.
const (
	Plain Style = iota
	Faint
	Bold
)

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
	return p.Line(append([]Span{Faint.Sprintf("%-*s", LabelWidth, label)}, spans...)...)
}

// Line joins spans to a line, with escape codes if p.Color is set. A line that is
// wider than the terminal is cut, and ends with an ellipsis.
func (p Painter) Line(spans ...Span) string {
	var b strings.Builder
	all, left, end := 0, p.Width, ""
	for _, s := range spans {
		all += utf8.RuneCountInString(s.Text)
	}
	if all > p.Width {
		if end = "…"; p.ASCII {
			end = "..."[:min(3, p.Width)]
		}
		left -= utf8.RuneCountInString(end)
	}
	for _, s := range spans {
		text := s.Text
		if n := utf8.RuneCountInString(text); n > left {
			text = string([]rune(text)[:max(left, 0)])
		}
		left -= utf8.RuneCountInString(text)
		switch {
		case text == "":
		case p.Color && s.Style == Bold:
			b.WriteString("\x1b[1m" + text + "\x1b[0m")
		case p.Color && s.Style == Faint:
			b.WriteString("\x1b[2m" + text + "\x1b[0m")
		default:
			b.WriteString(text)
		}
	}
	return strings.TrimRight(b.String()+end, " ")
}
