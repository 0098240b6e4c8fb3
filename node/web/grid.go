package web

import (
	"html/template"
	"slices"
	"strings"
)

// grid is a table whose first column names what each row is about.
type grid struct {
	Label   template.HTML
	Columns []gridColumn
	Rows    [][]cell
	Empty   template.HTML // what would fill it
	Lacks   template.HTML // why it is not shown; "": it is
}

// gridColumn is the heading of a column. Class has its width (c1 to c6), "n" for numbers and
// "p2" for what phones leave out.
type gridColumn struct {
	Text  template.HTML
	Class string
}

// cell is a value in a grid: the first of its fields that is set.
type cell struct {
	Key     *keyPart
	State   state
	Time    *timePart
	Picture template.HTML // of this program
	Text    template.HTML
	Path    string // link of the text; "": none

	Note    template.HTML // a second fact, below
	English bool          // the note is English, whatever the language of the page
	Class   string        // of its column
}

// newGrid returns a grid without rows. Columns are pairs of a heading and a class.
func newGrid(label, empty template.HTML, columns ...any) *grid {
	g := &grid{Label: label, Empty: empty}
	for i := 0; i+1 < len(columns); i += 2 {
		text, _ := columns[i].(template.HTML)
		class, _ := columns[i+1].(string)
		g.Columns = append(g.Columns, gridColumn{text, class})
	}
	return g
}

// row adds a row with a cell for each column.
func (g *grid) row(cells ...cell) {
	for i := range cells {
		classes := slices.DeleteFunc(strings.Fields(g.Columns[i].Class), func(class string) bool {
			return class != "n" && class != "p2" && class != "lat"
		})
		cells[i].Class = strings.Join(classes, " ")
	}
	g.Rows = append(g.Rows, cells)
}

// Cells of a kind.

func textCell(text template.HTML) cell { return cell{Text: text} }

func linkCell(text template.HTML, path string) cell { return cell{Text: text, Path: path} }

func numberCell(v any) cell { return cell{Text: number(v)} }

func keyCell(k keyPart) cell {
	if k.Full == "" {
		return cell{Text: "–"}
	}
	return cell{Key: &k}
}

func timeCell(t timePart) cell { return cell{Time: &t} }

func stateCell(s state) cell { return cell{State: s} }

// idCell is a cell with an id.
func idCell(id idPart) cell {
	return cell{Text: `<span class="m">` + html(id.Short) + `</span>`, Path: id.Path}
}

// under returns the cell with a note.
func (c cell) under(note template.HTML) cell {
	c.Note = note
	return c
}
