package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"stele/node/ledger/network"
	"stele/node/ledger/reject"
)

// testName is a test as consensus.md names it: node/block.TestTwins.
var testName = regexp.MustCompile(`^([a-z0-9/]+)\.((?:Test|Fuzz)\w+)$`)

// Every rule of consensus.md has a source and a test that exists.
func TestConsensus(t *testing.T) {
	text, err := os.ReadFile("consensus.md")
	if err != nil {
		t.Fatal(err)
	}
	var columns []string // of the table
	rules := 0
	for line := range strings.Lines(string(text)) {
		cells := tableRow(line)
		switch {
		case cells == nil:
			columns = nil
			continue
		case columns == nil:
			columns = cells
			continue
		case strings.HasPrefix(cells[0], "---") || columns[0] != "rule":
			continue
		}
		if want := []string{"rule", "reason", "source", "tests"}; !slices.Equal(columns, want) {
			t.Fatalf("a table has the columns %q, want %q", columns, want)
		}
		if len(cells) != len(columns) {
			t.Errorf("not %d cells: %s", len(columns), line)
			continue
		}
		rules++
		for _, span := range codeSpan.FindAllStringSubmatch(cells[1], -1) {
			if !slices.Contains(reject.All(), reject.Reason(span[1])) {
				t.Errorf("%s: there is no reason %s", cells[0], span[1])
			}
		}
		if cells[2] == "" {
			t.Errorf("%s: no source", cells[0])
		}
		tests := codeSpan.FindAllStringSubmatch(cells[3], -1)
		if len(tests) == 0 {
			t.Errorf("%s: no test", cells[0])
		}
		for _, span := range tests {
			if m := testName.FindStringSubmatch(span[1]); m == nil || !hasTest(t, m[1], m[2]) {
				t.Errorf("%s: there is no test %s", cells[0], span[1])
			}
		}
	}
	if rules == 0 {
		t.Error("consensus.md has no rules")
	}
}

// The numbers of the networks in consensus.md are theirs.
func TestNetworks(t *testing.T) {
	text, err := os.ReadFile("consensus.md")
	if err != nil {
		t.Fatal(err)
	}
	for row, value := range map[string]func(p *network.Params) string{
		"":                            func(p *network.Params) string { return p.Name },
		"id":                          func(p *network.Params) string { return fmt.Sprintf("%08x", p.ID) },
		"limit of the target (nBits)": func(p *network.Params) string { return p.Pow.PowLimitBits.String() },
		"seconds a block":             func(p *network.Params) string { return fmt.Sprint(p.Pow.TargetSpacing) },
		"blocks a period":             func(p *network.Params) string { return fmt.Sprint(p.Pow.RetargetInterval) },
		"roots": func(p *network.Params) string {
			if len(p.Roots) == 0 {
				return "not named yet"
			}
			return fmt.Sprintf("%d of %d, published", p.RootThreshold, len(p.Roots))
		},
	} {
		want := []string{row}
		for _, p := range network.All() {
			want = append(want, value(p))
		}
		found := false
		for line := range strings.Lines(string(text)) {
			found = found || slices.Equal(tableRow(line), want)
		}
		if !found {
			t.Errorf("consensus.md has no row with %q", want)
		}
	}
	for _, p := range network.All() {
		if p.Subsidy.String() != "12.5" || p.HalvingInterval != 210_000 || p.Maturity != 100 || p.MaxBlockSize != 4_000_000 || p.MaxFuture != 7200 {
			t.Errorf("%s has other numbers than consensus.md says of all networks: %+v", p.Name, p)
		}
	}
}

// Every reject reason is in consensus.md.
func TestReasons(t *testing.T) {
	text, err := os.ReadFile("consensus.md")
	if err != nil {
		t.Fatal(err)
	}
	mentioned := map[string]bool{}
	for _, span := range codeSpan.FindAllStringSubmatch(string(text), -1) {
		mentioned[span[1]] = true
	}
	for _, reason := range reject.All() {
		if !mentioned[string(reason)] {
			t.Errorf("consensus.md does not say which rule rejects with the reason %s", reason)
		}
	}
}

// hasTest reports whether a folder has a test or a fuzz target of that name.
func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(dir), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(names, func(file string) bool {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(source), "\nfunc "+name+"(")
	})
}
