package limit

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The table in docs/bench.md has the limits of this package.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/bench.md")
	if err != nil {
		t.Fatal(err)
	}
	columns := []string{"Zen 2", "Zen 3", "Zen 4", "Zen 5", "Skylake-X", "Ice Lake-SP", "Sapphire Rapids", "Neoverse N1"}
	for _, l := range []loop{
		{"avx2", Search}, {"avx2", Hash}, {"avx512", Search}, {"avx512", Versions}, {"avx512", Hash}, {"hybrid", Search}, {"hybrid", Hash},
		{"shani", Search}, {"shani", Hash}, {"sha2", Search}, {"sha2", Hash},
	} {
		row := "| " + l.kernel
		if l.work != Search {
			row += " " + string(l.work)
		}
		row += " |"
		for _, c := range columns {
			if b, err := For(l.kernel, l.work, c); err == nil {
				row += fmt.Sprintf(" %.1f", b.Cycles)
			}
			row += " |"
		}
		if !strings.Contains(string(text), row+"\n") {
			t.Errorf("docs/bench.md lacks %s", row)
		}
	}
	for same, as := range map[string]string{"Cascade Lake": "Skylake-X", "Emerald Rapids": "Sapphire Rapids"} {
		if a, b := tables().cores[same], tables().cores[as]; fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%s differs from %s", same, as)
		}
	}
}
