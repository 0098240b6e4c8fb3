package docs

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"os"
	"path"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"stele/node/ledger/network"
	"stele/node/ledger/reject"
	"stele/node/p2p/wire"
)

// aTable is a table of a page.
type aTable struct {
	heading string   // the one before it
	columns []string // lower case
	rows    [][]string
}

// has reports whether the table has these columns.
func (a aTable) has(columns ...string) bool { return slices.Equal(a.columns, columns) }

// tables returns the tables of a page.
func tables(t *testing.T, name string) []aTable {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var all []aTable
	heading, inside := "", false
	for line := range strings.Lines(string(text)) {
		cells := tableRow(line)
		switch {
		case cells == nil:
			inside = false
			if title := strings.TrimLeft(line, "#"); title != line {
				heading = strings.TrimSpace(title)
			}
		case !inside:
			inside = true
			all = append(all, aTable{heading: heading, columns: cells})
		case !strings.HasPrefix(cells[0], "---"):
			last := &all[len(all)-1]
			if len(cells) != len(last.columns) {
				t.Errorf("%s: %d cells, want %d: %s", name, len(cells), len(last.columns), line)
				continue
			}
			last.rows = append(last.rows, cells)
		}
	}
	return all
}

const networkPage = "network.md"

// limitsOfAll are the limits of messages on all networks.
func limitsOfAll(t *testing.T) wire.Limits {
	for _, p := range network.All() {
		if p.MaxBlockSize != network.Main.MaxBlockSize {
			t.Fatalf("network.md says that all networks have blocks of one size, and %s has not", p.Name)
		}
	}
	return wire.Limits{MaxBlockSize: network.Main.MaxBlockSize}
}

// bounds returns the least and the greatest length of a body, in bytes; false if there
// is none.
func bounds(l wire.Limits, k wire.Kind, solicited bool) (low, high int, ok bool) {
	fits := func(n int) bool { return l.Check(wire.Header{Kind: k, Length: uint32(n)}, solicited) == nil }
	const minima = 256 // all are below
	for low = 0; low < minima && !fits(low); low++ {
	}
	if low == minima {
		return 0, 0, false
	}
	return low, low + sort.Search(l.MaxBlockSize+1, func(n int) bool { return !fits(low + n) }) - 1, true
}

// interval writes a least and a greatest number.
func interval(low, high int) string {
	if low == high {
		return grouped(low)
	}
	return grouped(low) + " to " + grouped(high)
}

// grouped writes a number with commas.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// The table of messages in network.md is that of package wire.
func TestMessages(t *testing.T) {
	l := limitsOfAll(t)
	want := [][]string{}
	for k := wire.Kind(0); k < 64; k++ {
		if !k.IsKnown() {
			continue
		}
		low, high, _ := bounds(l, k, true)
		unasked := ""
		if low, high, ok := bounds(l, k, false); ok {
			unasked = interval(low, high)
		}
		want = append(want, []string{fmt.Sprint(uint8(k)), fmt.Sprintf("[%s](#%d-%[1]s)", k, k), interval(low, high), unasked})
	}
	var got [][]string
	for _, table := range tables(t, networkPage) {
		if table.has("kind", "name", "bytes", "unasked", "purpose") {
			for _, row := range table.rows {
				got = append(got, row[:4])
			}
		}
	}
	for i := range max(len(got), len(want)) {
		var g, w []string
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if !slices.Equal(g, w) {
			t.Errorf("network.md has the message %q, want %q", g, w)
		}
	}
}

var (
	messageHeading = regexp.MustCompile(`^(\d+) [a-z]+$`)
	fieldSize      = regexp.MustCompile(`^(?:(\d+)|(\d+) each, ([\d,]+) (?:to ([\d,]+)|or more)|varies(?:, at least (\d+))?)$`)
)

// The fields of each message in network.md are as long together as package wire allows.
func TestFields(t *testing.T) {
	l := limitsOfAll(t)
	seen := map[wire.Kind]bool{}
	for _, table := range tables(t, networkPage) {
		m := messageHeading.FindStringSubmatch(table.heading)
		if m == nil || !table.has("field", "bytes", "") {
			continue
		}
		k := wire.Kind(number(t, m[1]))
		if table.heading != fmt.Sprintf("%d %s", k, k) {
			t.Errorf("message %d has the heading %q, it is %s", k, table.heading, k)
		}
		seen[k] = true
		low, high, isOpen := 0, 0, false
		for _, row := range table.rows {
			f := fieldSize.FindStringSubmatch(row[1])
			switch {
			case f == nil:
				t.Errorf("%s, %s: %q is no size of a field", k, row[0], row[1])
			case f[1] != "":
				low, high = low+number(t, f[1]), high+number(t, f[1])
			case f[2] != "" && f[4] != "":
				low, high = low+number(t, f[2])*number(t, f[3]), high+number(t, f[2])*number(t, f[4])
			case f[2] != "":
				low, isOpen = low+number(t, f[2])*number(t, f[3]), true
			default:
				low, isOpen = low+number(t, f[5]), true
			}
		}
		wantLow, wantHigh, _ := bounds(l, k, true)
		if low != wantLow || !isOpen && high != wantHigh {
			t.Errorf("the fields of %s have %s bytes, want %s", k, interval(low, high), interval(wantLow, wantHigh))
		}
	}
	for k := wire.Kind(0); k < 64; k++ {
		if _, high, _ := bounds(l, k, true); k.IsKnown() && high > 0 && !seen[k] {
			t.Errorf("network.md has no fields of %s", k)
		}
	}
}

// number reads a number with or without commas; "" is 0.
func number(t *testing.T, text string) int {
	t.Helper()
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(strings.ReplaceAll(text, ",", ""))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// network.md explains every word with which a connection ends.
func TestByeReasons(t *testing.T) {
	var want []string
	for _, dir := range []string{"node/p2p/wire", "node/p2p"} {
		for name, x := range constants(t, dir) {
			if lit, ok := x.(*ast.BasicLit); ok && lit.Kind == token.STRING && (strings.HasPrefix(name, "Reason") || strings.HasPrefix(name, "reason")) {
				want = append(want, strings.Trim(lit.Value, `"`))
			}
		}
	}
	if len(want) < 10 {
		t.Fatalf("only %d reasons found in the source", len(want))
	}
	var got []string
	for _, table := range tables(t, networkPage) {
		if table.has("reason", "meaning", "what follows") {
			for _, row := range table.rows {
				if m := codeSpan.FindStringSubmatch(row[0]); m != nil {
					got = append(got, m[1])
				}
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("network.md has the reasons\n%q, the source\n%q", got, want)
	}
}

// network.md has all reasons that are a fault of the sender, and names no reason that
// does not exist.
func TestFaults(t *testing.T) {
	faults := map[string]bool{}
	for _, table := range tables(t, networkPage) {
		isFaults := table.has("group", "reasons")
		isVerdicts := len(table.columns) == 4 && table.columns[0] == "verdict"
		if !isFaults && !isVerdicts {
			continue
		}
		for _, row := range table.rows {
			for _, m := range codeSpan.FindAllStringSubmatch(row[len(row)-1], -1) {
				faults[m[1]] = faults[m[1]] || isFaults
			}
			for _, m := range codeSpan.FindAllStringSubmatch(row[0], -1) {
				if !slices.Contains(reject.All(), reject.Reason(m[1])) {
					t.Errorf("network.md: there is no reason %s", m[1])
				}
			}
		}
	}
	for _, r := range reject.All() {
		if faults[string(r)] != r.Fault() {
			t.Errorf("network.md lists %s as a fault: %v, want %v", r, faults[string(r)], r.Fault())
		}
	}
}

// The limits in network.md are those of the source.
func TestLimits(t *testing.T) {
	count := 0
	for _, table := range tables(t, networkPage) {
		isRates := table.has("what", "a second", "at once", "source")
		if !isRates && !table.has("limit", "value", "source") {
			continue
		}
		for _, row := range table.rows {
			count++
			m := codeSpan.FindStringSubmatch(row[len(row)-1])
			if m == nil {
				t.Errorf("network.md: no source of the limit %q", row[0])
				continue
			}
			want := sourceValues(t, m[1])
			if got := row[1 : len(row)-1]; len(got) != len(want) {
				t.Errorf("%s has %d values, want %d", m[1], len(got), len(want))
			} else {
				for i := range got {
					if !constant.Compare(quantity(t, got[i]), token.EQL, want[i]) {
						t.Errorf("network.md: %s (%s) is %s, in the source it is %v", row[0], m[1], got[i], want[i])
					}
				}
			}
		}
	}
	if count < 50 {
		t.Errorf("only %d limits found in network.md", count)
	}
}

var units = map[string]int64{
	"": 1, "kB": 1 << 10, "MB": 1 << 20,
	"ms": int64(time.Millisecond), "s": int64(time.Second), "min": int64(time.Minute), "h": int64(time.Hour),
}

// quantity reads a number with a unit, such as "64 kB": bytes, or nanoseconds.
func quantity(t *testing.T, text string) constant.Value {
	t.Helper()
	n, unit, _ := strings.Cut(text, " ")
	value := constant.MakeFromLiteral(strings.ReplaceAll(n, ",", ""), token.FLOAT, 0)
	factor, ok := units[unit]
	if !ok || value.Kind() == constant.Unknown {
		t.Fatalf("%q is no number with a unit", text)
	}
	return constant.BinaryOp(value, token.MUL, constant.MakeInt64(factor))
}

// sourceValues returns the value of a constant as PACKAGE.NAME, or the values of a
// variable that is a list of them.
func sourceValues(t *testing.T, name string) []constant.Value {
	t.Helper()
	pkg, name, _ := strings.Cut(name, ".")
	dir := packageDir(t, pkg)
	x := constants(t, dir)[name]
	if x == nil {
		t.Fatalf("there is no constant %s.%s", pkg, name)
	}
	list, ok := x.(*ast.CompositeLit)
	if !ok {
		return []constant.Value{evaluate(t, dir, x)}
	}
	var all []constant.Value
	for _, e := range list.Elts {
		all = append(all, evaluate(t, dir, e))
	}
	return all
}

// packageDir returns the folder of a package of nodes.
func packageDir(t *testing.T, pkg string) string {
	t.Helper()
	for _, dir := range []string{"node/p2p/" + pkg, "node/" + pkg} {
		if _, err := os.Stat(path.Join(root, dir)); err == nil {
			return dir
		}
	}
	t.Fatalf("there is no package %s", pkg)
	return ""
}

var parsed = map[string]map[string]ast.Expr{}

// constants returns the expressions of the constants and variables of a package.
func constants(t *testing.T, dir string) map[string]ast.Expr {
	t.Helper()
	if all := parsed[dir]; all != nil {
		return all
	}
	all := map[string]ast.Expr{}
	for _, whole := range wholeFiles(t, dir) {
		for _, decl := range whole.Decls {
			d, ok := decl.(*ast.GenDecl)
			if !ok || d.Tok != token.CONST && d.Tok != token.VAR {
				continue
			}
			for _, spec := range d.Specs {
				s := spec.(*ast.ValueSpec)
				for i := range min(len(s.Names), len(s.Values)) {
					all[s.Names[i].Name] = s.Values[i]
				}
			}
		}
	}
	parsed[dir] = all
	return all
}

// wholeFiles returns the files of a package, without its tests.
func wholeFiles(t *testing.T, dir string) (all []*ast.File) {
	t.Helper()
	for _, f := range source(t) {
		if f.dir != dir || f.test() {
			continue
		}
		whole, err := parser.ParseFile(token.NewFileSet(), f.name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, whole)
	}
	return all
}

// evaluate computes a constant expression of numbers and times.
func evaluate(t *testing.T, dir string, x ast.Expr) constant.Value {
	t.Helper()
	switch x := x.(type) {
	case *ast.BasicLit:
		return constant.MakeFromLiteral(x.Value, x.Kind, 0)
	case *ast.ParenExpr:
		return evaluate(t, dir, x.X)
	case *ast.Ident:
		if of := constants(t, dir)[x.Name]; of != nil {
			return evaluate(t, dir, of)
		}
	case *ast.SelectorExpr:
		pkg := x.X.(*ast.Ident).Name
		if pkg != "time" {
			return sourceValues(t, pkg+"."+x.Sel.Name)[0]
		}
		times := map[string]time.Duration{"Millisecond": time.Millisecond, "Second": time.Second, "Minute": time.Minute, "Hour": time.Hour}
		if d, ok := times[x.Sel.Name]; ok {
			return constant.MakeInt64(int64(d))
		}
	case *ast.BinaryExpr:
		a, b := evaluate(t, dir, x.X), evaluate(t, dir, x.Y)
		switch n, _ := constant.Uint64Val(b); {
		case x.Op == token.SHL:
			return constant.Shift(a, x.Op, uint(n))
		case x.Op == token.QUO && a.Kind() == constant.Int && b.Kind() == constant.Int:
			return constant.BinaryOp(a, token.QUO_ASSIGN, b) // of integers
		}
		return constant.BinaryOp(a, x.Op, b)
	}
	t.Fatalf("%s: cannot compute a constant from %T", dir, x)
	return nil
}

// Every attack in network.md has tests that exist, and every event is in the source.
func TestAttacks(t *testing.T) {
	attacks, named := 0, 0
	logged := append(events(t, "node"), events(t, "node/p2p")...)
	for _, table := range tables(t, networkPage) {
		switch {
		case table.has("attack", "defence", "tests"):
			for _, row := range table.rows {
				attacks++
				tests := codeSpan.FindAllStringSubmatch(row[2], -1)
				if len(tests) == 0 {
					t.Errorf("%s: no test", row[0])
				}
				for _, span := range tests {
					if m := testName.FindStringSubmatch(span[1]); m == nil || !hasTest(t, m[1], m[2]) {
						t.Errorf("%s: there is no test %s", row[0], span[1])
					}
				}
			}
		case table.has("event in the log", "level", "meaning"):
			for _, row := range table.rows {
				for _, span := range codeSpan.FindAllStringSubmatch(row[0], -1) {
					named++
					if !slices.Contains(logged, span[1]) {
						t.Errorf("nothing logs %q", span[1])
					}
				}
			}
		}
	}
	if attacks == 0 || named == 0 {
		t.Errorf("%d attacks and %d events", attacks, named)
	}
}

// events returns what a package logs.
func events(t *testing.T, dir string) (all []string) {
	t.Helper()
	levels := []string{"Debug", "Info", "Warn", "Error"}
	for _, whole := range wholeFiles(t, dir) {
		ast.Inspect(whole, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			event, isLit := call.Args[0].(*ast.BasicLit)
			method, isMethod := call.Fun.(*ast.SelectorExpr)
			if isLit && isMethod && slices.Contains(levels, method.Sel.Name) {
				all = append(all, strings.Trim(event.Value, `"`))
			}
			return true
		})
	}
	return all
}

// The ports and seeds in network.md are those of the networks.
func TestPorts(t *testing.T) {
	var got []string
	for _, table := range tables(t, networkPage) {
		if table.has("network", "port", "seeds built in") {
			for _, row := range table.rows {
				got = append(got, strings.Join(row, " "))
			}
		}
	}
	for _, p := range network.All() {
		seeds := " none"
		if n := len(p.Seeds); n > 0 {
			seeds = fmt.Sprintf(" %d", n)
		}
		want := fmt.Sprintf("`%s` %d%s", p.Name, p.Port, seeds)
		if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("network.md has no network %q, it has %q", want, got)
		}
		if p.MinWork != (network.Params{}).MinWork {
			t.Errorf("network.md says that %s has no minimum work", p.Name)
		}
	}
}
