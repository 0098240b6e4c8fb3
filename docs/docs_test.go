package docs

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"stele/engine/pow"
)

const root = ".."

// module is the path of the main module.
const module = "stele"

// sourceFile is a parsed Go file.
type sourceFile struct {
	dir  string // relative to the root, with slashes
	name string
	own  bool // part of the main module, not of a nested one
	*ast.File
}

func (f sourceFile) test() bool { return strings.HasSuffix(f.name, "_test.go") }

// imports returns the paths of the packages that the file imports.
func (f sourceFile) imports(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, spec := range f.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, name)
	}
	return all
}

// files returns the paths of the repository's files whose name ends in ext.
func files(t *testing.T, ext string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch base := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && base != root && (strings.HasPrefix(base, ".") || base == "testdata" || base == "bin"):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(base, ext):
			all = append(all, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatalf("no %s files under %s", ext, root)
	}
	return all
}

// source parses all Go files, for every operating system and architecture.
func source(t *testing.T) []sourceFile {
	t.Helper()
	nested := map[string]bool{}
	for _, name := range files(t, "go.mod") {
		if dir := filepath.Dir(name); dir != root {
			nested[dir] = true
		}
	}
	var all []sourceFile
	for _, name := range files(t, ".go") {
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		dir, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			t.Fatal(err)
		}
		f := sourceFile{dir: filepath.ToSlash(dir), name: name, own: true, File: parsed}
		for d := filepath.Dir(name); d != root; d = filepath.Dir(d) {
			f.own = f.own && !nested[d]
		}
		all = append(all, f)
	}
	return all
}

// Every package says what it is.
func TestPackageComments(t *testing.T) {
	comments := map[string]string{} // by folder
	for _, f := range source(t) {
		if !f.test() {
			comments[f.dir] += f.Doc.Text()
			want := "Package " + f.Name.Name + " "
			if f.Name.Name == "main" {
				want = "Command " + path.Base(f.dir) + " "
			}
			if f.Doc != nil && !strings.HasPrefix(f.Doc.Text(), want) {
				t.Errorf("%s: the package comment does not begin with %q", f.name, want)
			}
		}
	}
	for dir, text := range comments {
		if text == "" {
			t.Errorf("%s: no file has a package comment", dir)
		}
	}
}

// tableRow returns the text of the cells of a Markdown table row, or nil.
func tableRow(line string) []string {
	line, ok := strings.CutPrefix(strings.TrimSpace(line), "|")
	if !ok {
		return nil
	}
	cells := strings.Split(strings.TrimSuffix(line, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// codeRows returns the rows of all tables of a document whose first cell is
// code: what it says, and the code in the second cell.
func codeRows(t *testing.T, name string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		cells := tableRow(line)
		if len(cells) < 2 {
			continue
		}
		if key := codeSpan.FindStringSubmatch(cells[0]); key != nil {
			rows[key[1]] = []string{}
			for _, span := range codeSpan.FindAllStringSubmatch(cells[1], -1) {
				rows[key[1]] = append(rows[key[1]], span[1])
			}
		}
	}
	if len(rows) == 0 {
		t.Fatalf("%s has no table", name)
	}
	return rows
}

// The modules that the source imports, and the tools, are in dependencies.md.
func TestDependencies(t *testing.T) {
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal("go mod edit: ", err)
	}
	var mod struct {
		Require []struct{ Path string }
		Tool    []struct{ Path string }
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}

	direct := map[string]string{} // module: who needs it
	need := func(pkg, who string) {
		longest := ""
		for _, r := range mod.Require {
			if (pkg == r.Path || strings.HasPrefix(pkg, r.Path+"/")) && len(r.Path) > len(longest) {
				longest = r.Path
			}
		}
		if longest == "" {
			t.Errorf("%s needs %s, which go.mod does not have", who, pkg)
			return
		}
		direct[longest] = who
	}
	for _, f := range source(t) {
		for _, name := range f.imports(t) {
			first, _, _ := strings.Cut(name, "/")
			if f.own && strings.Contains(first, ".") { // neither ours nor the standard library's
				need(name, f.name)
			}
		}
	}
	for _, tool := range mod.Tool {
		need(tool.Path, "go.mod")
	}

	rows := codeRows(t, "dependencies.md")
	for name, who := range direct {
		if _, ok := rows[name]; !ok {
			t.Errorf("dependencies.md has no row for %s, which %s needs", name, who)
		}
	}
	for name := range rows {
		if _, ok := direct[name]; !ok {
			t.Errorf("dependencies.md has a row for %s, which nothing needs", name)
		}
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]*)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// anchor returns the name that a heading has in links.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		}
		return -1
	}, heading)
}

// Links within the repository lead somewhere.
func TestLinks(t *testing.T) {
	for _, name := range files(t, ".md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, fragment, _ := strings.Cut(m[1], "#")
			target := name
			if file != "" {
				target = filepath.Join(filepath.Dir(name), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: link to %s: %v", name, m[1], err)
				continue
			}
			if fragment == "" {
				continue
			}
			there, err := os.ReadFile(target)
			if err != nil {
				t.Errorf("%s: link to %s: %v", name, m[1], err)
				continue
			}
			if !slices.ContainsFunc(heading.FindAllStringSubmatch(string(there), -1), func(h []string) bool {
				return anchor(h[1]) == fragment
			}) {
				t.Errorf("%s: link to %s: no such heading", name, m[1])
			}
		}
	}
}

// The blocks of the demonstration are what they are said to be.
func TestDemoBlocks(t *testing.T) {
	text, err := os.ReadFile("demo/blocks.txt")
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		blocks++
		words := strings.Fields(line)
		if len(words) != 5 {
			t.Fatalf("not five words: %s", line)
		}
		header, err := pow.ParseHeader(words[1])
		if err != nil {
			t.Fatal(err)
		}
		if header.Nonce != 0 {
			t.Errorf("block %s: the header has its nonce", words[0])
		}
		count, err1 := strconv.ParseUint(words[2], 10, 64)
		nonce, err2 := strconv.ParseUint(words[3], 10, 32)
		if err1 != nil || err2 != nil || nonce >= count {
			t.Fatalf("block %s: nonce %s among %s", words[0], words[3], words[2])
		}
		header.Nonce = uint32(nonce)
		if err := header.CheckProofOfWork(pow.Bitcoin.PowLimit); err != nil {
			t.Errorf("block %s: %v", words[0], err)
		}
		if got := header.Hash().String(); got != words[4] {
			t.Errorf("block %s: hash %s, want %s", words[0], got, words[4])
		}
	}
	if blocks != 11 {
		t.Errorf("%d blocks, want 11", blocks)
	}
}
