package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"stele/kernels/cuda"
)

// The table of docs/cuda-kernels.md has the counts of sass.txt.
func TestKernelCosts(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "cuda-kernels.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range cuda.Entries() {
		c, ok := cuda.CostOf(e.Name, 9, 0)
		if !ok {
			continue
		}
		want := fmt.Sprintf("%d | %d | %.1f | %d |", c.ALU, c.FMA, c.Clocks(), c.Registers)
		m := regexp.MustCompile(`(?m)^\| ` + e.Name + `(?:,[^|]*)? \| (.*)$`).FindSubmatch(text)
		if m == nil || string(m[1]) != want {
			t.Errorf("%s: the page has %q, sass.txt %q", e.Name, m, want)
		}
	}
}
