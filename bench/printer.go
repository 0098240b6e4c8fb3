package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// printer writes lines and tables. It keeps the first error and then writes no more.
type printer struct {
	w      io.Writer
	format Format
	err    error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
	if p.format == Markdown && p.err == nil {
		_, p.err = fmt.Fprintln(p.w)
	}
}

var markdown = strings.NewReplacer("|", `\|`, "<", "&lt;", "[", `\[`, "*", `\*`, "`", "\\`")

// EscapeMarkdown escapes what has a meaning in Markdown, also in a cell of a table.
func EscapeMarkdown(text string) string { return markdown.Replace(text) }

// maxWidth is the width of the lines that are wrapped.
const maxWidth = 98

// wrapped writes a line as [printer.line] does. In a text it continues in the next line
// where it is too long.
func (p *printer) wrapped(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if p.format == Text {
		text = wrap(text)
	} else {
		text = EscapeMarkdown(text)
	}
	p.line("%s", text)
}

// wrap breaks a text at spaces into lines of at most maxWidth columns, unless a word is
// longer. All but the first are indented.
func wrap(text string) string {
	const indent = "\n    "
	var b strings.Builder
	width := 0
	for i, word := range strings.Split(text, " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case width+1+n > maxWidth:
			b.WriteString(indent)
			width = len(indent) - 1
		default:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(word)
		width += n
	}
	return b.String()
}

func (p *printer) table(rows [][]string) {
	if p.err != nil {
		return
	}
	if p.format == Markdown {
		rows = slices.Insert(slices.Clone(rows), 1, slices.Repeat([]string{"---"}, len(rows[0])))
		for _, row := range rows {
			cells := slices.Clone(row)
			for i := range cells {
				cells[i] = EscapeMarkdown(cells[i])
			}
			if _, p.err = fmt.Fprintf(p.w, "| %s |\n", strings.Join(cells, " | ")); p.err != nil {
				return
			}
		}
		_, p.err = fmt.Fprintln(p.w)
		return
	}
	if _, p.err = fmt.Fprintln(p.w); p.err != nil {
		return
	}
	t := tabwriter.NewWriter(p.w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	if p.err = t.Flush(); p.err == nil {
		_, p.err = fmt.Fprintln(p.w)
	}
}
