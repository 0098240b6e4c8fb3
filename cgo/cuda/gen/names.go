package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	// driverName matches the names of the CUDA driver API.
	driverName = regexp.MustCompile(`^(cu[A-Z]|cuuint|CU[a-z]|CU_|CUDA_)`)
	// inC matches the identifiers in C text, noise the parts without any.
	inC   = regexp.MustCompile(`\b[A-Za-z_][A-Za-z0-9_]*`)
	noise = regexp.MustCompile(`(?s)//[^\n]*|/\*.*?\*/|"[^"\n]*"|<[a-z]+\.h>`)
)

// usedNames returns the names of the driver API that the source in folder dir uses
// and does not define, each with a file that uses it.
func usedNames(dir string) (map[string]string, error) {
	used, defined := map[string]string{}, map[string]bool{}
	note := func(name, file string) {
		if driverName.MatchString(name) {
			used[name] = file
		}
	}
	scanC := func(text, file string) {
		text = noise.ReplaceAllString(text, " ")
		for _, name := range inC.FindAllString(text, -1) {
			note(name, file)
		}
		for _, m := range definition.FindAllStringSubmatch(text, -1) {
			defined[m[1]] = true
		}
	}

	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		file := filepath.Join(dir, e.Name())
		switch ext := filepath.Ext(file); {
		case ext == ".go" && !strings.HasSuffix(file, "_test.go"):
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
			if err != nil {
				return nil, err
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && x.Name == "C" {
						note(n.Sel.Name, file)
					}
				case *ast.GenDecl: // import "C", with C in its comment
					if n.Tok == token.IMPORT && n.Doc != nil && len(n.Specs) == 1 &&
						n.Specs[0].(*ast.ImportSpec).Path.Value == `"C"` {
						scanC(n.Doc.Text(), file)
					}
				}
				return true
			})
		case (ext == ".c" || ext == ".h") && e.Name() != "forward.c":
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			scanC(string(text), file)
		}
	}
	for name := range defined {
		delete(used, name)
	}
	return used, nil
}

// definition matches the functions that C text defines.
var definition = regexp.MustCompile(`(?m)^\w[\w \*]*?\b(\w+)\([^;{]*\)\s*\{`)
