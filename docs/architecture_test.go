package docs

import (
	"fmt"
	"go/doc"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// floor is a row of the house: packages that know those of lower floors.
type floor struct {
	name string
	dirs []string // each with the folders below it, where these have no floor of their own
	// apart: the packages do not import each other.
	apart bool
	// only lists all that the packages import of lower floors; nil for no limit.
	only []string
}

// floors are the floors of the house, from the top down. They are the policy:
// what architecture.md says about imports is drawn from it and from the source.
var floors = []floor{
	{name: "commands", dirs: []string{"cmd", "test", "docs"}},
	{name: "bench", dirs: []string{"bench"}, only: []string{"engine", "kernels", "cgo", "internal"}},
	{name: "node", dirs: []string{"node"}},
	{name: "doors", dirs: []string{"node/api", "node/p2p", "node/stratum", "node/traffic", "node/web"}, apart: true},
	{name: "query", dirs: []string{"node/query", "node/evidence", "node/metrics", "node/credit", "node/match", "node/words", "node/feed", "node/seen"}},
	{name: "state", dirs: []string{"node/blobkeeper", "node/blobs", "node/keystore", "node/chain", "node/pool", "node/store", "node/template", "node/views"}},
	{name: "ledger", dirs: []string{"node/ledger"}, only: []string{"engine/pow", "engine/headerchain", "internal/bounded", "kernels/sha256d", "kernels/sig"}},
	{name: "engine", dirs: []string{"engine"}},
	{name: "cgo", dirs: []string{"cgo"}, only: []string{"kernels/cuda/host"}}, // the emulated driver runs the kernels
	{name: "kernels", dirs: []string{"kernels"}, only: []string{}},
	{name: "internal", dirs: []string{"internal"}, only: []string{}},
}

// floorOf returns the index of the floor of a folder, -1 if it has none.
func floorOf(dir string) int {
	for d := dir; d != "."; d = path.Dir(d) {
		for i, f := range floors {
			if slices.Contains(f.dirs, d) {
				return i
			}
		}
	}
	return -1
}

// isBelow reports whether a folder is one of some, or below one.
func isBelow(dir string, some []string) bool {
	return slices.ContainsFunc(some, func(s string) bool { return dir == s || strings.HasPrefix(dir, s+"/") })
}

// aPackage is a package of the source, without its tests.
type aPackage struct {
	dir     string
	doc     string // the first sentence of its comment
	imports []string
}

// packages returns the packages of the main module, sorted by floor and folder.
func packages(t *testing.T) []aPackage {
	t.Helper()
	byDir := map[string]*aPackage{}
	for _, f := range source(t) {
		if !f.own || f.test() {
			continue
		}
		p := byDir[f.dir]
		if p == nil {
			p = &aPackage{dir: f.dir}
			byDir[f.dir] = p
		}
		if f.Doc != nil {
			p.doc = new(doc.Package).Synopsis(f.Doc.Text())
		}
		for _, name := range f.imports(t) {
			if dir, ours := strings.CutPrefix(name, module+"/"); ours && !slices.Contains(p.imports, dir) {
				p.imports = append(p.imports, dir)
			}
		}
	}
	var all []aPackage
	for _, p := range byDir {
		slices.Sort(p.imports)
		all = append(all, *p)
	}
	slices.SortFunc(all, func(a, b aPackage) int {
		if d := floorOf(a.dir) - floorOf(b.dir); d != 0 {
			return d
		}
		return strings.Compare(a.dir, b.dir)
	})
	return all
}

// Imports run down the floors of the house, and cgo is used only in the folder cgo.
func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		from := floorOf(p.dir)
		if from < 0 {
			t.Errorf("%s is on no floor", p.dir)
			continue
		}
		f := floors[from]
		for _, dir := range p.imports {
			switch to := floorOf(dir); {
			case to < from:
				t.Errorf("%s imports %s, which is above it", p.dir, dir)
			case to == from && f.apart && !sameDoor(f, p.dir, dir):
				t.Errorf("%s imports %s, another of the %s", p.dir, dir, f.name)
			case to > from && f.only != nil && !isBelow(dir, f.only):
				t.Errorf("%s imports %s; the %s floor may only know %q", p.dir, dir, f.name, f.only)
			}
		}
	}
	for _, f := range source(t) {
		if slices.Contains(f.imports(t), "C") && !strings.HasPrefix(f.dir, "cgo/") {
			t.Errorf("%s uses cgo outside the folder cgo", f.name)
		}
	}
}

// sameDoor reports whether two folders belong to one of a floor's folders.
func sameDoor(f floor, a, b string) bool {
	return slices.ContainsFunc(f.dirs, func(d string) bool {
		return isBelow(a, []string{d}) && isBelow(b, []string{d})
	})
}

// The picture and the table of imports in architecture.md are those of the source.
func TestArchitecture(t *testing.T) {
	const name = "architecture.md"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	all := packages(t)
	got := replacePart(t, replacePart(t, string(text), "floors", picture(all)), "imports", importTable(all))
	if got == string(text) {
		return
	}
	if !*update {
		t.Fatalf("%s is not what the source gives; run make architecture, and commit what it changes", name)
	}
	if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
		t.Fatal(err)
	}
}

// replacePart replaces what is between the marks of a generated part.
func replacePart(t *testing.T, text, name, part string) string {
	t.Helper()
	begin := fmt.Sprintf("<!-- generated: %s -->\n", name)
	const end = "<!-- end -->\n"
	before, rest, ok := strings.Cut(text, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("there is no part %q", name)
	}
	return before + begin + part + end + after
}

// picture draws the floors: the packages of each, without those below internal
// folders and those that only help tests.
func picture(all []aPackage) string {
	var b strings.Builder
	b.WriteString("```\n")
	for i, f := range floors {
		var names []string
		for _, p := range all {
			if floorOf(p.dir) == i && !strings.Contains(p.dir, "/internal/") && !strings.HasSuffix(p.dir, "test") && !strings.HasPrefix(p.dir, "test/") && p.dir != "docs" {
				names = append(names, p.dir)
			}
		}
		const width = 84
		label := f.name
		line := ""
		for _, name := range names {
			if line != "" && len(line)+2+len(name) > width {
				fmt.Fprintf(&b, "%-10s %s\n", label, line)
				label, line = "", ""
			}
			if line != "" {
				line += "  "
			}
			line += name
		}
		fmt.Fprintf(&b, "%-10s %s\n", label, line)
	}
	b.WriteString("```\n")
	return b.String()
}

// importTable lists what each package is, and what of ours it imports.
func importTable(all []aPackage) string {
	var b strings.Builder
	for i, f := range floors {
		fmt.Fprintf(&b, "\n**%s**\n\n| package | what it is | imports |\n|---|---|---|\n", f.name)
		for _, p := range all {
			if floorOf(p.dir) != i {
				continue
			}
			var names []string
			for _, dir := range p.imports {
				names = append(names, "`"+dir+"`")
			}
			what := strings.TrimPrefix(strings.TrimPrefix(p.doc, "Package "+path.Base(p.dir)+" "), "Command "+path.Base(p.dir)+" ")
			fmt.Fprintf(&b, "| [%s](../%s) | %s | %s |\n", p.dir, p.dir, strings.ReplaceAll(what, "|", `\|`), strings.Join(names, ", "))
		}
	}
	b.WriteString("\n")
	return b.String()
}
