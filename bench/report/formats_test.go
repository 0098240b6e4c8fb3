package report

import (
	"bytes"
	"encoding/csv"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"stele/bench"
)

// A table of values has each case with its rate, and no formula.
func TestCSV(t *testing.T) {
	r := machineResult(t, `=HYPERLINK("http://x","a, b")`, 1)
	text := render(t, func(b *bytes.Buffer) error { return CSV(b, []Source{{Name: "rig", Result: r}}) })
	if !strings.HasSuffix(text, "\r\n") {
		t.Error("lines do not end as RFC 4180 says")
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) != 1+len(r.Cases) {
		t.Fatalf("%d rows of %d cases: %v", len(rows), len(r.Cases), err)
	}
	headlines := 0
	for i, row := range rows[1:] {
		get := func(name string) string {
			for j, column := range rows[0] {
				if column == name {
					return row[j]
				}
			}
			t.Fatalf("no column %s", name)
			return ""
		}
		c := r.Cases[i]
		rate, err := strconv.ParseFloat(get("rate"), 64)
		if err != nil || rate/c.Rate.Median < 1-1e-6 || rate/c.Rate.Median > 1+1e-6 || get("mode") != string(c.Mode) || get("kernel") != c.Kernel || get("unit") != c.Unit {
			t.Errorf("%s: %q", c.ID, row)
		}
		if get("label") != `'=HYPERLINK("http://x","a, b")` || get("result") != "rig" {
			t.Errorf("label %q, result %q", get("label"), get("result"))
		}
		if get("headline") == "true" {
			headlines++
		}
		if (get("joules_per_item") == "") != (c.Device == "cpu") || (get("threads") == "") != (c.Threads == 0) {
			t.Errorf("%s: joules %q, threads %q", c.ID, get("joules_per_item"), get("threads"))
		}
	}
	if headlines != 2 {
		t.Errorf("%d headlines, want that of searches and that of verifications", headlines)
	}
}

// The text for a forum compares, and a name cannot break its tables.
func TestMarkdown(t *testing.T) {
	sources := rigs(t)
	sources[0].Result.Environment.Label = "a | b <i> [x](http://y)"
	text := render(t, func(b *bytes.Buffer) error { return Markdown(b, sources) })
	for _, want := range []string{`| a \| b &lt;i> \[x](http://y) | 10.2`, "### rig 3\n", "| search | rate (95 %) |", "search: 7.1", "| search | MH/s | 95 % |", "`stele bench check FILE`", "work done: the 1008 nonces"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "| ") && !strings.HasSuffix(line, " |\n") {
			t.Errorf("a row that does not end: %q", line)
		}
	}
}

// benchstat reads the samples, finds the medians that the report states, and sees that one
// machine is slower.
func TestBenchstat(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("NOT RUN: benchstat on results of stele bench: the go command is not there")
	}
	dir := t.TempDir()
	var files []string
	results := []*bench.Result{machineResult(t, "fast", 1), machineResult(t, "slow", 0.9)}
	for _, r := range results {
		name := filepath.Join(dir, r.Environment.Label+".txt")
		text := render(t, func(b *bytes.Buffer) error { return Benchstat(b, []Source{{Result: r}}) })
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	out, err := exec.Command("go", append([]string{"tool", "benchstat", "-format", "csv", "-ignore", "result,stele"}, files...)...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = errors.New(string(exit.Stderr))
		}
		t.Fatalf("benchstat: %v", err)
	}
	found := 0
	for line := range strings.Lines(string(out)) {
		cells := strings.Split(strings.TrimSpace(line), ",")
		if len(cells) < 6 || !strings.HasPrefix(cells[0], "Search/cpu/shani-2") {
			continue
		}
		found++
		old, _ := strconv.ParseFloat(cells[1], 64)
		new, _ := strconv.ParseFloat(cells[3], 64)
		if factor := new / old; factor < 0.88 || factor > 0.92 && factor < 1.09 || factor > 1.13 || cells[5] == "~" {
			t.Errorf("%s", line)
		}
	}
	if found != 2 { // seconds per item and items per second
		t.Errorf("%d lines of a case:\n%s", found, out)
	}
	for _, want := range []string{"goos: linux", "cpu: AMD EPYC 7313", "Verify/cuda:0/verify"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("lacks %q:\n%s", want, out)
		}
	}
}
