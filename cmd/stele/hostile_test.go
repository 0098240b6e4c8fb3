package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stele/internal/text"
	"stele/node/ledger/record"
)

// hostile is what a server or a file could say to whoever reads it on a terminal.
var hostile = "\x1b]0;x\x07\nstele: forged \u202e\xff" + strings.Repeat("q", 1<<20)

// What a server answers comes to the terminal as it can be shown.
func TestHostileServer(t *testing.T) {
	id := record.ID{}.String()
	for name, answer := range map[string]http.HandlerFunc{
		"detail": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprintf(w, `{"detail":"\u001b]0;x\u0007\nstele: forged \u202e%s"}`, strings.Repeat("q", 50_000))
		},
		"bundle": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"kind":"\u001b]0;x\u0007\nstele: forged %s"}`, strings.Repeat("q", 50_000))
		},
		"junk": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"kind":1` + hostile)) },
	} {
		server := httptest.NewServer(answer)
		out, code := stele(t, "record", "bundle", "voucher", id, "--api", server.URL)
		server.Close()
		if line, ok := strings.CutSuffix(out, "\n"); code != exitFailed || !ok || text.Clean(line, 1000) != line {
			t.Errorf("%s: exit code %d: %.1000q", name, code, out)
		}
	}
}

// An error with parts of a file is shown in lines of its own, all of them bounded.
func TestErrorText(t *testing.T) {
	got := errorText(errors.Join(errors.New("first\tline"), errors.New(hostile)))
	lines := strings.Split(got, "\n")
	if len(lines) != 3 || lines[0] != "first    line" || lines[1] != " ]0;x " {
		t.Errorf("%.1000q", got)
	}
	for _, line := range lines {
		if text.Clean(line, maxErrorText) != line {
			t.Errorf("line %.1000q", line)
		}
	}
}

// A note that turns the direction of writing is shown with that escaped, and stays
// the same JSON.
func TestRecordText(t *testing.T) {
	r := recordResult{Record: &record.Record{Payload: &record.EvidenceAdd{Note: "a\u202eb\nü\U000e0001"}}}
	got, err := r.text()
	if err != nil || !strings.Contains(got, `"a\u202eb\nü\udb40\udc01"`) {
		t.Errorf("%v %q", err, got)
	}
}
