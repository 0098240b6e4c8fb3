package configfile

import (
	"regexp"
	"strings"
)

// lineOf returns the number of the first line that sets a key or is the header of
// its table, 1 if there is none.
func lineOf(text, key string) int {
	set := regexp.MustCompile(`^\s*(\[+\s*)?(.*\.)?\s*["']?` + regexp.QuoteMeta(key) + `["']?\s*[=\].]`)
	for i, line := range strings.Split(text, "\n") {
		if set.MatchString(line) {
			return i + 1
		}
	}
	return 1
}

// nearest returns the known word whose spelling is closest to word, "" if none is
// close.
func nearest(word string, known []string) string {
	best, bound := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := editDistance(strings.ReplaceAll(strings.ToLower(word), "-", "_"), k); d < bound {
			best, bound = k, d
		}
	}
	return best
}

// editDistance returns how many bytes must be inserted, deleted or replaced to turn a
// into b (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
