// Package monitoring has no code: these are the tests of the rules and dashboards in its
// folder. They need promtool and prometheus (Debian's package prometheus), and run
// "go build" for the program stele.
package monitoring

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	page        = "../../docs/monitoring.md"
	metricsPage = "../../docs/metrics.md"
)

// rule is a rule as its file writes it.
type rule struct {
	alert, record, expr, wait, severity, runbook string
}

// readRules reads the rules of all files. It knows the layout of these files only: a key
// a line, and an expression of several lines after "|-".
func readRules(t *testing.T) []rule {
	t.Helper()
	var all []rule
	for _, name := range fileNames(t, "*.rules.yml") {
		inExpr := false
		for line := range strings.Lines(readFile(t, name)) {
			key, value, isPair := strings.Cut(strings.TrimSpace(line), ": ")
			value = strings.Trim(value, `"`)
			if inExpr && strings.HasPrefix(line, "          ") {
				all[len(all)-1].expr += strings.TrimSpace(line) + "\n"
				continue
			}
			inExpr = false
			switch {
			case !isPair:
			case key == "- alert":
				all = append(all, rule{alert: value, wait: "0s"})
			case key == "- record":
				all = append(all, rule{record: value})
			case key == "expr" && value == "|-":
				inExpr = true
			case key == "expr":
				all[len(all)-1].expr = value
			case key == "for":
				all[len(all)-1].wait = value
			case key == "severity":
				all[len(all)-1].severity = value
			case key == "runbook_url":
				all[len(all)-1].runbook = value
			}
		}
	}
	return all
}

func fileNames(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: files %q, %v", pattern, names, err)
	}
	return names
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// program returns the path of a program, or skips the test.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("NOT RUN: %s is not installed (package prometheus; make test-monitoring installs it)", name)
	}
	return path
}

// The page has a row and a heading for each alert, in the order of the files.
func TestAlertsDocumented(t *testing.T) {
	var want, got, headings []string
	for _, r := range readRules(t) {
		if r.alert == "" {
			continue
		}
		anchor := strings.ToLower(r.alert)
		if r.runbook != "docs/monitoring.md#"+anchor {
			t.Errorf("%s: its runbook is %q", r.alert, r.runbook)
		}
		want = append(want, fmt.Sprintf("| [%s](#%s) | %s | %s |", r.alert, anchor, r.severity, r.wait))
	}
	for line := range strings.Lines(readFile(t, page)) {
		if row := regexp.MustCompile(`^\| \[Stele\w+\]\(\S+\) \| \w+ \| \w+ \|`).FindString(line); row != "" {
			got = append(got, row)
		}
		if name, ok := strings.CutPrefix(line, "### Stele"); ok {
			headings = append(headings, "Stele"+strings.TrimSpace(name))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s has the alerts\n%s\nand the rules\n%s", page, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for i, row := range want {
		if i >= len(headings) || !strings.HasPrefix(row, "| ["+headings[i]+"]") {
			t.Fatalf("%s has no heading at its place for %s; headings: %q", page, row, headings)
		}
	}
}

// Rules and dashboards name metrics that miners and nodes have, or that a rule records.
func TestMetricsExist(t *testing.T) {
	documented := readFile(t, metricsPage)
	recorded := map[string]bool{}
	var exprs []string
	for _, r := range readRules(t) {
		exprs = append(exprs, r.expr)
		recorded[r.record] = true
	}
	for _, d := range readDashboards(t) {
		exprs = append(exprs, d.exprs()...)
		for _, v := range d.Templating.List {
			exprs = append(exprs, v.Definition)
		}
	}
	count := 0
	for _, expr := range exprs {
		for _, name := range regexp.MustCompile(`\bstele_[a-z0-9_:]+`).FindAllString(expr, -1) {
			count++
			base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
			if !recorded[name] && !strings.Contains(documented, "| `"+name+"` |") && !strings.Contains(documented, "| `"+base+"` | histogram |") {
				t.Errorf("%s: neither %s nor a recording rule has this metric, in %s", name, metricsPage, expr)
			}
		}
	}
	if count < 50 {
		t.Errorf("only %d names of metrics were found", count)
	}
}

// Each alert has a case in which it fires, and then resolves; and one before, in which it
// is absent.
func TestEveryAlertTested(t *testing.T) {
	var text string
	for _, name := range fileNames(t, "*.test.yml") {
		text += readFile(t, name)
	}
	for _, r := range readRules(t) {
		if r.alert == "" {
			continue
		}
		absent := strings.Count(text, "alertname: "+r.alert+", exp_alerts: []")
		fires := strings.Count(text, "alertname: "+r.alert+"\n        exp_alerts:\n          - exp_labels:")
		if absent < 2 || fires < 1 {
			t.Errorf("%s: %d cases in which it fires, %d in which it does not; want 1 and 2", r.alert, fires, absent)
		}
	}
}

// Prometheus' own program accepts the rules, and what its tests expect of them happens.
func TestPromtool(t *testing.T) {
	promtool := program(t, "promtool")
	for _, args := range [][]string{
		append([]string{"check", "rules"}, fileNames(t, "*.rules.yml")...),
		append([]string{"test", "rules"}, fileNames(t, "*.test.yml")...),
	} {
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %q: %v\n%s", args, err, out)
		}
	}
}

// dashboard is what the tests read of a dashboard.
type dashboard struct {
	file          string
	UID, Title    string
	SchemaVersion int
	Templating    struct {
		List []struct{ Name, Type, Definition string }
	}
	Annotations struct {
		List []struct{ Expr string }
	}
	Panels []struct {
		ID      int
		Type    string
		Title   string
		GridPos struct{ X, Y, W, H int }
		Targets []struct {
			Datasource struct{ UID string }
			Expr       string
			RefID      string
		}
	}
}

// exprs returns all expressions of the dashboard.
func (d dashboard) exprs() []string {
	var all []string
	for _, a := range d.Annotations.List {
		all = append(all, a.Expr)
	}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			all = append(all, q.Expr)
		}
	}
	return all
}

func readDashboards(t *testing.T) []dashboard {
	t.Helper()
	var all []dashboard
	for _, name := range fileNames(t, "*.dashboard.json") {
		d := dashboard{file: name}
		if err := json.Unmarshal([]byte(readFile(t, name)), &d); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, d)
	}
	return all
}

// Dashboards have a uid of their own, choose data source and instances by variables, name
// no host, and their panels lie side by side.
func TestDashboards(t *testing.T) {
	uids := map[string]bool{}
	for _, d := range readDashboards(t) {
		if d.UID == "" || uids[d.UID] || d.Title == "" || d.SchemaVersion < 39 {
			t.Errorf("%s: uid %q, title %q, schema %d", d.file, d.UID, d.Title, d.SchemaVersion)
		}
		uids[d.UID] = true
		if v := d.Templating.List; len(v) != 2 || v[0].Name != "datasource" || v[0].Type != "datasource" || v[1].Name != "instance" {
			t.Errorf("%s: the variables are %v, want datasource and instance", d.file, v)
		}
		if host := regexp.MustCompile(`\d+\.\d+\.\d+\.\d+|localhost|https?://`).FindString(readFile(t, d.file)); host != "" {
			t.Errorf("%s names the host %q", d.file, host)
		}
		ids, cells := map[int]bool{}, map[[2]int]string{}
		for _, p := range d.Panels {
			if ids[p.ID] || p.Title == "" || p.Type != "row" && len(p.Targets) == 0 {
				t.Errorf("%s: panel %d %q has a second id, no title or no query", d.file, p.ID, p.Title)
			}
			ids[p.ID] = true
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other := cells[[2]int{x, y}]; other != "" || x >= 24 {
						t.Fatalf("%s: panel %q is outside, or on %q", d.file, p.Title, other)
					}
					cells[[2]int{x, y}] = p.Title
				}
			}
			for _, q := range p.Targets {
				if q.Datasource.UID != "${datasource}" || !strings.Contains(q.Expr, `instance=~"$instance"`) {
					t.Errorf("%s: panel %q does not use the variables in %s", d.file, p.Title, q.Expr)
				}
			}
		}
	}
}
