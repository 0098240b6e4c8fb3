package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/network"
	"stele/node/store"
)

// tellStory makes a store of the development network in which goods were sold
// and delivered. Its days are too short for more.
func tellStory(t *testing.T, dir string) *chaintest.Story {
	t.Helper()
	s := chaintest.NewStory(network.Dev, "somewhere")
	for _, step := range []func(){s.Sell, s.Send, s.HandOver, s.Deliver, s.Evaluate} {
		step()
	}
	st, err := store.Open(dir, store.Identity{Network: network.Dev.ID, Genesis: s.Genesis.Hash()}, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := chain.Open(t.Context(), chain.Options{Store: st, Params: network.Dev, Clock: s.Now})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range s.Tip.Chain()[1:] {
		if _, err := c.Submit(b.Block); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	return s
}

// stele runs a command and returns what it printed and its exit code.
func stele(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	raw, err := exec.CommandContext(t.Context(), "stele", args...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(raw), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(raw), 0
}

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

// A case goes from a node's folder, or from a node that runs, into a file, which
// can be checked without either. A changed file is found out.
func TestRecordBundle(t *testing.T) {
	dir := t.TempDir()
	data, file, other := filepath.Join(dir, "d"), filepath.Join(dir, "case.json"), filepath.Join(dir, "other.json")
	s := tellStory(t, data)
	id := s.Voucher.String()

	out, code := stele(t, "record", "bundle", "voucher", id, "--data", data, "-o", file, "--json")
	var res recordBundleResult
	if err := json.Unmarshal([]byte(out), &res); code != 0 || err != nil || res.Records != 6 || res.ID != s.Voucher || res.Tip != s.Tip.Height() || res.File != file {
		t.Fatalf("exit code %d: %s", code, out)
	}
	out, code = stele(t, "verify", "bundle", file)
	for _, want := range []string{
		"VOUCHER_ISSUE", "SHIPMENT_CREATE", "CUSTODY_HANDOVER", "DELIVERY_CONFIRM", "EVALUATE", "seller", "first buyer", "pick-up key", "VALID  6 records",
	} {
		if code != 0 || !strings.Contains(out, want) {
			t.Fatalf("exit code %d, no %q: %s", code, want, out)
		}
	}

	// The folder is read, and no file in it is changed or written anew.
	before := snapshot(t, data)
	if out, code := stele(t, "record", "bundle", "voucher", id, "--data", data, "-o", other); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	if after := snapshot(t, data); !maps.Equal(before, after) {
		t.Errorf("the files of the folder were\n%v, and are\n%v", before, after)
	}

	// Any digit of a record, a header or a branch that is another is found.
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
		if out, code := stele(t, "verify", "bundle", other); code != 1 || !strings.HasPrefix(out, "INVALID  ") {
			t.Errorf("%s changed: exit code %d: %s", where, code, out)
		}
	}

	// The same from a node that runs. It has all headers, if that is wanted.
	p := startNode(t, data)
	url := p.address()
	if url == "" {
		t.Fatalf("the node does not start:\n%s", p.out)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		out, code := stele(t, "record", "bundle", "voucher", id, "--api", url, "-o", other, "--json")
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
	out, code = stele(t, "record", "bundle", "voucher", id, "--api", url, "--all-headers")
	if code != 0 || !strings.Contains(out, `"start": 0`) {
		t.Errorf("exit code %d: %s", code, out)
	}
	if out, code := stele(t, "record", "bundle", "claim", id, "--api", url); code != 2 || !strings.Contains(out, "no such case") {
		t.Errorf("exit code %d: %s", code, out)
	}
	if out, code := stele(t, "record", "bundle", "voucher", id, "--data", data); code != 2 || !strings.Contains(out, "in use") {
		t.Errorf("the folder of a node that runs: exit code %d: %s", code, out)
	}
	if err := p.end(syscall.SIGTERM); err != nil {
		t.Errorf("%v:\n%s", err, p.out)
	}
	checkNodeStore(t, data)
}
