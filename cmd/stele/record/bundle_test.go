package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/nodetest"
	"stele/cmd/stele/internal/steletest"
	"stele/node/ledger/record"
)

// snapshot describes all files in a folder.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		files[path] = fmt.Sprintf("%v %v %x", info.Mode(), info.ModTime(), sha256.Sum256(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// A case is exported from a data folder or a running node into a file, which can be
// checked without either. A changed file is invalid.
func TestRecordBundle(t *testing.T) {
	dir := t.TempDir()
	data, file, other := filepath.Join(dir, "d"), filepath.Join(dir, "case.json"), filepath.Join(dir, "other.json")
	s := nodetest.Story(t, data)
	id := s.Voucher.String()

	out, code := steletest.Run(t, "record", "bundle", "voucher", id, "--data", data, "-o", file, "--json")
	var res bundleFile
	if err := json.Unmarshal([]byte(out), &res); code != 0 || err != nil || res.Records != 6 || res.ID != s.Voucher || res.Tip != s.Tip.Height() || res.File != file {
		t.Fatalf("exit code %d: %s", code, out)
	}
	out, code = steletest.Run(t, "verify", "bundle", file)
	for _, want := range []string{
		"VOUCHER_ISSUE", "SHIPMENT_CREATE", "CUSTODY_HANDOVER", "DELIVERY_CONFIRM", "EVALUATE", "seller", "first buyer", "pick-up key", "VALID  6 records",
	} {
		if code != 0 || !strings.Contains(out, want) {
			t.Fatalf("exit code %d, no %q: %s", code, want, out)
		}
	}

	// The export reads the folder and changes no file in it.
	before := snapshot(t, data)
	if out, code := steletest.Run(t, "record", "bundle", "voucher", id, "--data", data, "-o", other); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	if after := snapshot(t, data); !maps.Equal(before, after) {
		t.Errorf("the files of the folder were\n%v, and are\n%v", before, after)
	}

	// A change of any digit of a record, a header or a branch is found.
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{`"record": "`, `"headers": [`, `"branch": [`} {
		at := bytes.Index(text, []byte(where)) + len(where) + 40
		changed := bytes.Clone(text)
		if changed[at] == '7' {
			changed[at] = '8'
		} else {
			changed[at] = '7'
		}
		if err := os.WriteFile(other, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, code := steletest.Run(t, "verify", "bundle", other); code != 1 || !strings.HasPrefix(out, "INVALID  ") {
			t.Errorf("%s changed: exit code %d: %s", where, code, out)
		}
	}

	// The same from a running node, with all headers if requested.
	p := nodetest.StartNode(t, data)
	url := p.Address()
	if url == "" {
		t.Fatalf("the node does not start:\n%s", p.Out)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		out, code := steletest.Run(t, "record", "bundle", "voucher", id, "--api", url, "-o", other, "--json")
		if code == 0 && strings.Contains(out, `"records":6,`) {
			break
		}
		if time.Now().After(deadline) { // for its views to catch up
			t.Fatalf("exit code %d: %s", code, out)
		}
	}
	if again, err := os.ReadFile(other); err != nil || !bytes.Equal(again, text) {
		t.Errorf("the node gives another bundle than its folder; %v", err)
	}
	out, code = steletest.Run(t, "record", "bundle", "voucher", id, "--api", url, "--all-headers")
	if code != 0 || !strings.Contains(out, `"start": 0`) {
		t.Errorf("exit code %d: %s", code, out)
	}
	if out, code := steletest.Run(t, "record", "bundle", "claim", id, "--api", url); code != 2 || !strings.Contains(out, "no such case") {
		t.Errorf("exit code %d: %s", code, out)
	}
	if out, code := steletest.Run(t, "record", "bundle", "voucher", id, "--data", data); code != 2 || !strings.Contains(out, "in use") {
		t.Errorf("the folder of a node that runs: exit code %d: %s", code, out)
	}
	if err := p.End(syscall.SIGTERM); err != nil {
		t.Errorf("%v:\n%s", err, p.Out)
	}
	nodetest.CheckStore(t, data)
}

// The request for a bundle goes to the host that the user has named, and to no
// other: neither to a proxy of the environment nor to where a redirect leads.
func TestBundleFromNamedHostOnly(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.Redirect(w, r, other.URL, http.StatusFound)
	}))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, other.URL)
	}
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		t.Setenv(name, "")
	}
	id := record.ID{}.String()
	out, code := steletest.Run(t, "record", "bundle", "voucher", id, "--api", server.URL)
	if code != cmdline.ExitFailed || !strings.HasSuffix(out, ": 302 Found\n") || asked.Load() != 1 {
		t.Errorf("exit code %d, asked %d times: %s", code, asked.Load(), out)
	}
	// Go uses no proxy for this machine, so a host that it does not know to be this
	// one: its name resolves nowhere, and only a proxy could answer.
	out, code = steletest.Run(t, "record", "bundle", "voucher", id, "--api", "http://node.invalid:"+port)
	if code != cmdline.ExitFailed {
		t.Errorf("exit code %d: %s", code, out)
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("%d requests went to another host", n)
	}
}
