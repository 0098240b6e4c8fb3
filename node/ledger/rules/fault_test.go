package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"stele/node/ledger/reject"
)

// reasonsByName returns the reasons by the names of their constants.
func reasonsByName(t *testing.T) map[string]reject.Reason {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../reject/reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]reject.Reason{}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
			if word, ok := v.Values[0].(*ast.BasicLit); ok && word.Kind == token.STRING {
				text, err := strconv.Unquote(word.Value)
				if err != nil {
					t.Fatal(err)
				}
				names[v.Names[0].Name] = reject.Reason(text)
			}
		}
		return true
	})
	return names
}

// No rule that needs the state gives a reason for which a peer is punished: a peer with
// another state could not know.
func TestNoFaults(t *testing.T) {
	names := reasonsByName(t)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	used := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := s.X.(*ast.Ident); !ok || x.Name != "reject" {
				return true
			}
			reason, ok := names[s.Sel.Name]
			if !ok {
				return true
			}
			used++
			if reason.Fault() {
				t.Errorf("%v: %s is a fault", files.Position(s.Pos()), reason)
			}
			return true
		})
	}
	if used < 100 {
		t.Errorf("only %d uses of reasons were found", used)
	}
}
