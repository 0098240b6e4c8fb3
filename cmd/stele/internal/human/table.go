package human

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Table returns the lines of a table with aligned columns: rows calls row with the cells
// of each line.
func Table(rows func(row func(cells ...any))) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	rows(func(cells ...any) {
		for i, cell := range cells {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, cell)
		}
		fmt.Fprintln(w)
	})
	_ = w.Flush() // a strings.Builder takes everything
	return b.String()
}
