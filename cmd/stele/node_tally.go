package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"stele/node"
	"stele/node/ledger/rules"
)

// tallied is a name with a count.
type tallied struct {
	name  string
	count uint64
}

// tally is a label with the counts of one kind.
type tally struct {
	label string
	rows  int // of the view, at most
	of    []tallied
}

// statusTallies returns the counts of a status: records in blocks by type, claims
// by state, rejected records of the traffic by reason.
func statusTallies(s node.Status) []tally {
	return []tally{
		{"by type", 3, tallies(s.Types)},
		{"claims", 2, tallies(s.Claims)},
		{"rejected", 2, tallies(s.Rejections)},
	}
}

// tallyLines returns the counts of a status for output that is no terminal: a line
// for each kind that has any.
func tallyLines(s node.Status) string {
	var b strings.Builder
	for _, t := range statusTallies(s) {
		if len(t.of) > 0 {
			fmt.Fprintf(&b, "%s:", t.label)
			for _, x := range t.of {
				fmt.Fprintf(&b, "  %s %d", x.name, x.count)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// openClaims returns the numbers of open and of closed claims.
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

// tallies returns the counts that are not zero, the largest first.
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

// rows formats tallies as at most maxRows rows of the view. The last row says how
// many did not fit.
func (v nodeView) rows(all []tallied, maxRows int) []string {
	const label, rest = 11, 14 // columns of the label, and of "and 12 more"
	var rows []string
	row := ""
	for i, t := range all {
		text := fmt.Sprintf("%s %s", t.name, grouped(t.count))
		room := v.width - label
		if len(rows) == maxRows-1 && i < len(all)-1 {
			room -= rest
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
