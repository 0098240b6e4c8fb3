package cmdline

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// The layout of flags in a help text, in columns. The names of a flag are in a column
// of their own, or on a line of their own if they are too long for it.
const (
	firstIndent = 3 // of the first line of a flag, by the template of the library
	nextIndent  = 6 // of further lines, by the same
	flagNames   = 26
	helpWidth   = 100
)

func init() {
	original := cli.FlagStringer
	cli.FlagStringer = func(f cli.Flag) string { return layOut(original(f)) }
}

// repetition is what the library adds to the names of a flag that may be repeated.
var repetition = regexp.MustCompile(` \[ --?[^\]]*\]`)

// layOut returns the help of a flag, which is its names, a tab and its usage, in lines
// of at most helpWidth columns.
func layOut(help string) string {
	names, usage, _ := strings.Cut(help, "\t")
	names = repetition.ReplaceAllString(names, "")
	var b strings.Builder
	fmt.Fprintf(&b, "%-*s", flagNames, names)
	const column = firstIndent + flagNames
	indent := "\n" + strings.Repeat(" ", column-nextIndent)
	used := column
	if utf8.RuneCountInString(names) >= flagNames {
		b.WriteString(indent)
	}
	for i, word := range strings.Fields(usage) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case used+1+n > helpWidth:
			b.WriteString(indent)
			used = column
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += n
	}
	return b.String()
}
