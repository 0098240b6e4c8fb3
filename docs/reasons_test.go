package docs

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated parts of the documents")

// reasons.md is made of the comments in the source, and is checked against them.
func TestReasonsPage(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), root+"/node/ledger/reject/reason.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	page.WriteString("# Why a record or a block is rejected\n\n")
	page.WriteString("Look up here the reason of a rejection. The words are stable: programs may depend on them. The text that comes with them is for people and may change. [consensus.md](consensus.md) has the rules.\n")
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST || group.Doc == nil {
			continue
		}
		var rows strings.Builder
		for _, spec := range group.Specs {
			c := spec.(*ast.ValueSpec)
			if len(c.Values) != 1 || c.Comment == nil {
				continue
			}
			word, ok := c.Values[0].(*ast.BasicLit)
			if !ok || word.Kind != token.STRING {
				continue
			}
			fmt.Fprintf(&rows, "| `%s` | %s |\n", strings.Trim(word.Value, `"`), strings.TrimSpace(c.Comment.Text()))
		}
		if rows.Len() == 0 {
			continue
		}
		title, rest, _ := strings.Cut(strings.ReplaceAll(strings.TrimSpace(group.Doc.Text()), "\n", " "), ":")
		fmt.Fprintf(&page, "\n## %s\n\n%s\n\n| reason | when |\n|---|---|\n%s", title, sentence(rest), rows.String())
	}
	const name = root + "/docs/reasons.md"
	if *update {
		if err := os.WriteFile(name, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != page.String() {
		t.Error("reasons.md is not what the source says; run: go test ./docs -run TestReasonsPage -update")
	}
}

// sentence begins with a capital letter.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
