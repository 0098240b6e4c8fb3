package cmdline

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// The help of a flag has its names in one column and its usage in another, wrapped.
func TestLayOut(t *testing.T) {
	column := strings.Repeat(" ", firstIndent+flagNames-nextIndent)
	for help, want := range map[string]string{
		"--json\tprint JSON": "--json                    print JSON",
		"--url URL, -o URL [ --url URL, -o URL ]\tmine to URL [$STELE_URL]": "--url URL, -o URL         mine to URL [$STELE_URL]",
		"--a-flag-with-a-long-name VALUE\tits usage":                        "--a-flag-with-a-long-name VALUE\n" + column + "its usage",
		"--help, -h\t" + strings.Repeat("word ", 20):                        "--help, -h                " + strings.Repeat("word ", 13) + "word\n" + column + "word word word word word word",
	} {
		got := layOut(help)
		if got != want {
			t.Errorf("%q:\n%s\nwant\n%s", help, got, want)
		}
		for i, line := range strings.Split(got, "\n") {
			if n := []int{firstIndent, nextIndent}[min(i, 1)] + utf8.RuneCountInString(line); n > helpWidth {
				t.Errorf("%d columns: %q", n, line)
			}
		}
	}
}
