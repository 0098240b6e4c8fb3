package record

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/steletest"
	"stele/internal/text"
	"stele/node/ledger/record"
)

// hostile is text by which a server or a file could attack a terminal.
var hostile = "\x1b]0;x\x07\nstele: forged \u202e\xff" + strings.Repeat("q", 1<<20)

// The response of a server reaches the terminal only as safe text.
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
		out, code := steletest.Run(t, "record", "bundle", "voucher", id, "--api", server.URL)
		server.Close()
		if line, ok := strings.CutSuffix(out, "\n"); code != cmdline.ExitFailed || !ok || text.Clean(line, 1000) != line {
			t.Errorf("%s: exit code %d: %.1000q", name, code, out)
		}
	}
}

// A note that changes the direction of writing is shown with escapes, and stays the
// same JSON.
func TestRecordText(t *testing.T) {
	r := recordResult{Record: &record.Record{Payload: &record.EvidenceAdd{Note: "a\u202eb\nü\U000e0001"}}}
	got, err := r.text()
	if err != nil || !strings.Contains(got, `"a\u202eb\nü\udb40\udc01"`) {
		t.Errorf("%v %q", err, got)
	}
}
