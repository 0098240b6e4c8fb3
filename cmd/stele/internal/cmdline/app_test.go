package cmdline

import (
	"errors"
	"strings"
	"testing"

	"stele/internal/text"
)

// An error that quotes a file stays in its own lines, all of them bounded.
func TestErrorText(t *testing.T) {
	const hostile = "\x1b]0;x\x07\nstele: forged \u202e\xff"
	got := errorText(errors.Join(errors.New("first\tline"), errors.New(hostile+strings.Repeat("q", 1<<20))))
	lines := strings.Split(got, "\n")
	if len(lines) != 3 || lines[0] != "first    line" || lines[1] != " ]0;x " {
		t.Errorf("%.1000q", got)
	}
	for _, line := range lines {
		if text.Clean(line, maxErrorText) != line {
			t.Errorf("line %.1000q", line)
		}
	}
}
