package export

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"stele/cmd/stele/internal/nodetest"
	"stele/cmd/stele/internal/steletest"
	"stele/cmd/stele/node"
	"stele/cmd/stele/verify"
	"stele/node/export"
)

func TestMain(m *testing.M) {
	steletest.Main(m, Command(), verify.Command(), node.Command())
}

// replace writes a file with a change.
func replace(t *testing.T, to, from, old, new string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), old, new, 1)
	if changed == string(text) {
		t.Fatalf("%s has no %q", from, old)
	}
	if err := os.WriteFile(to, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reseal writes a manifest with a change that its seal agrees with.
func reseal(t *testing.T, to, from string, change func(*export.Manifest)) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	m, err := export.ReadManifest(text)
	if err != nil {
		t.Fatal(err)
	}
	change(&m)
	if err := m.Reseal(); err != nil {
		t.Fatal(err)
	}
	text, err = json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// expect runs a command that must print a text and end with a code.
func expect(t *testing.T, code int, want string, args ...string) {
	t.Helper()
	if out, got := steletest.Run(t, args...); got != code || !strings.Contains(out, want) {
		t.Errorf("%v: exit code %d, want %d and %q: %s", args, got, code, want, out)
	}
}

// An export can be checked against its manifest and any node. Each way in which it can
// be wrong has an error of its own.
func TestExportAndVerify(t *testing.T) {
	dir := t.TempDir()
	data, file := filepath.Join(dir, "data"), filepath.Join(dir, "v.csv")
	story := nodetest.Complaint(t, data)
	n := nodetest.StartNode(t, data, "--day", "24h")
	address := n.Address()
	n.Indexed(address, story.Tip.Height())
	manifest := export.ManifestName(file)

	expect(t, 0, "v.csv: 1 rows", "export", "vouchers", "--api", address, "-o", file, "--seller", story.Seller.String())
	expect(t, 0, "Pass --api", "verify", "export", file)
	expect(t, 0, "rows   are those that the node exports", "verify", "export", file, "--api", address)
	expect(t, 0, `"checked":["file","block","rows"]`, "verify", "export", file, "--api", address, "--json")

	bad := filepath.Join(dir, "bad.csv")
	beside := export.ManifestName(bad)
	replace(t, bad, file, "active", "issued")
	expect(t, 1, "INVALID  changed file", "verify", "export", bad, "--manifest", manifest)
	replace(t, bad, file, "active", "")
	expect(t, 1, "INVALID  truncated file", "verify", "export", bad, "--manifest", manifest)
	replace(t, beside, manifest, `"rows": 1`, `"rows": 2`)
	expect(t, 1, "INVALID  bad manifest: it was changed", "verify", "export", file, "--manifest", beside)
	replace(t, beside, manifest, `"dev"`, `"test"`)
	expect(t, 1, "INVALID  bad manifest", "verify", "export", file, "--manifest", beside)

	// What a new seal hides offline, a node shows.
	reseal(t, beside, manifest, func(m *export.Manifest) { m.Rows = 2 })
	expect(t, 0, "VALID", "verify", "export", file, "--manifest", beside)
	expect(t, 1, "INVALID  other rows", "verify", "export", file, "--manifest", beside, "--api", address)
	reseal(t, beside, manifest, func(m *export.Manifest) { m.Filters = map[string]string{} })
	expect(t, 0, "VALID", "verify", "export", file, "--manifest", beside, "--api", address) // all vouchers are of this seller
	reseal(t, beside, manifest, func(m *export.Manifest) { m.Height-- })
	expect(t, 1, "INVALID  another chain", "verify", "export", file, "--manifest", beside, "--api", address)
	reseal(t, beside, manifest, func(m *export.Manifest) { m.Genesis = m.Block })
	expect(t, 1, "INVALID  another network", "verify", "export", file, "--manifest", beside, "--api", address)

	checkCut(t, address, filepath.Join(dir, "cut.csv"))
	expect(t, 2, "no block at height 99999", "export", "vouchers", "--api", address, "-o", file, "--at", "99999")
	expect(t, 2, "pass one TABLE", "export", "nothing")
	if err := n.End(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	expect(t, 2, "no node answers", "verify", "export", file, "--api", address)
}

// checkCut checks that an export through a proxy that cuts it, or drops the trailer,
// leaves no file.
func checkCut(t *testing.T, address, file string) {
	t.Helper()
	for _, cut := range []bool{true, false} {
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer, err := http.Get(address + r.URL.String())
			if err != nil {
				panic(err)
			}
			defer answer.Body.Close()
			text, err := io.ReadAll(answer.Body)
			if cut {
				text = text[:len(text)/2]
			}
			_, werr := w.Write(text)
			if err := errors.Join(err, werr, http.NewResponseController(w).Flush()); err != nil || cut {
				panic(http.ErrAbortHandler)
			}
		}))
		expect(t, 2, "cut short", "export", "blocks", "--api", proxy.URL, "-o", file)
		proxy.Close()
		if _, err := os.Stat(file); err == nil {
			t.Error("there is a file")
		}
	}
}
