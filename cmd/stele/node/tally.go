package node

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"stele/cmd/stele/internal/human"
	"stele/cmd/stele/internal/screen"
	"stele/node/ledger/rules"
	"stele/node/query"
)

// tallied is a name with a count.
type tallied struct {
	name  string
	count uint64
}

// tally is a label with the counts of one kind.
type tally struct {
	label   string
	maxRows int // in the view
	counts  []tallied
}

// statusTallies returns the counts of a status: records in blocks by type, claims by
// state, rejected records of the traffic by reason.
func statusTallies(s query.Status) []tally {
	return []tally{
		{"by type", 3, tallies(s.Types)},
		{"claims", 2, tallies(s.Claims)},
		{"rejected", 2, tallies(s.Rejections)},
	}
}

// tallyLines returns the counts of a status for output that is not a terminal, with a
// line for each kind that is not empty.
func tallyLines(s query.Status) string {
	var b strings.Builder
	for _, t := range statusTallies(s) {
		if len(t.counts) > 0 {
			fmt.Fprintf(&b, "%s:", t.label)
			for _, x := range t.counts {
				fmt.Fprintf(&b, "  %s %d", x.name, x.count)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// openClaims returns how many claims are open, and how many are closed.
func openClaims(states map[rules.ClaimState]uint64) (open, closed uint64) {
	for state, n := range states {
		if state.Closed() {
			closed += n
		} else {
			open += n
		}
	}
	return open, closed
}

// tallies returns the counts that are not zero, in descending order.
func tallies[K comparable](counts map[K]uint64) []tallied {
	var all []tallied
	for k, n := range counts {
		if n > 0 {
			all = append(all, tallied{fmt.Sprint(k), n})
		}
	}
	slices.SortFunc(all, func(a, b tallied) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.name, b.name))
	})
	return all
}

// rows writes counts into at most maxRows rows of the view. The end of the last row
// says how many counts did not fit.
func (v view) rows(all []tallied, maxRows int) []string {
	const more = 14 // columns of "  and 12 more"
	var rows []string
	row := ""
	for i, t := range all {
		text := fmt.Sprintf("%s %s", t.name, human.Grouped(t.count))
		room := v.Width - screen.LabelWidth
		if len(rows) == maxRows-1 && i < len(all)-1 {
			room -= more
		}
		if row != "" && utf8.RuneCountInString(row)+2+len(text) > room {
			if len(rows) == maxRows-1 {
				return append(rows, fmt.Sprintf("%s  and %d more", row, len(all)-i))
			}
			rows, row = append(rows, row), ""
		}
		if row != "" {
			row += "  "
		}
		row += text
	}
	if row != "" {
		rows = append(rows, row)
	}
	return rows
}
