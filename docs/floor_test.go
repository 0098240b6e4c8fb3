package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

// ledgerFloor is the folder whose packages are pure: a light client, a phone or a
// browser uses them.
const ledgerFloor = "node/ledger"

// forbidden are the packages of the standard library that reach for what is
// outside of the process. Names with a slash at the end stand for all below.
var forbidden = []string{
	"io/fs", "io/ioutil", "log", "log/", "net", "net/", "os", "os/", "path/filepath", "plugin", "syscall", "testing", "time", "unsafe",
}

// allowed says who may import one of them all the same, and for what.
var allowed = map[string]map[string]string{
	"node/ledger/record":     {"time": "the form of times in JSON"},
	"node/ledger/headertree": {"time": "the clock's reading is an argument"},
}

// clocks are the functions of package time that read the clock, or wait.
var clocks = []string{"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"}

// outside reports whether a package of the standard library is forbidden.
func outside(name string) bool {
	return slices.ContainsFunc(forbidden, func(f string) bool {
		return name == f || strings.HasSuffix(f, "/") && strings.HasPrefix(name, f)
	})
}

// The packages of the ledger's floor use no disk, socket or clock, and of the
// engine and the kernels only what a header says and what signatures and hashes need.
func TestLedgerFloor(t *testing.T) {
	ours := []string{module + "/engine/pow", module + "/engine/headerchain", module + "/internal/bounded", module + "/kernels/sha256d", module + "/kernels/sig"}
	used := map[string]bool{}
	for _, f := range source(t) {
		if f.test() || f.dir != ledgerFloor && !strings.HasPrefix(f.dir, ledgerFloor+"/") {
			continue
		}
		for _, name := range f.imports(t) {
			switch {
			case strings.HasPrefix(name, module+"/"):
				if !strings.HasPrefix(name, path.Join(module, ledgerFloor)+"/") && !slices.Contains(ours, name) {
					t.Errorf("%s imports %s, which is above the floor", f.name, name)
				}
			case outside(name):
				if allowed[f.dir][name] == "" {
					t.Errorf("%s imports %s, which reaches outside of the process", f.name, name)
				}
				used[f.dir+" "+name] = true
			}
		}
		whole, err := parser.ParseFile(token.NewFileSet(), f.name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(whole, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clocks, s.Sel.Name) {
					t.Errorf("%s uses the clock: time.%s", f.name, s.Sel.Name)
				}
			}
			return true
		})
	}
	for dir, names := range allowed {
		for name := range names {
			if !used[dir+" "+name] {
				t.Errorf("%s need not import %s", dir, name)
			}
		}
	}
}
