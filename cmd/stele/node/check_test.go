package node

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"stele/cmd/stele/internal/nodetest"
	"stele/cmd/stele/internal/steletest"
	"stele/node"
)

// If one bit of any file of a stopped node is flipped, the check names the file and
// reports that the store was sealed, even if the store does not open.
func TestNodeCheckNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // the second start makes a table of what was in the log
		out, err := exec.Command("stele", "node", "--dev", "--mine", "--data", dir, "--api", "127.0.0.1:0", "--threads", "1", "--blocks", "2", "--traffic", "50").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	check := func(flags ...string) string {
		t.Helper()
		out, err := exec.Command("stele", append([]string{"node", "check", "--data", dir}, flags...)...).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	// A blob that the node keeps for nobody yet.
	blob := fmt.Sprintf("%x", sha256.Sum256([]byte("sealed")))
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sealed", blob[:2]), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "blobs", "sealed", blob[:2], blob), []byte("sealed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("stele", "node", "check", "--data", dir).CombinedOutput(); err != nil || !regexp.MustCompile(`[1-9][0-9]* compared with their hashes`).Match(out) {
		t.Fatalf("before any flip: %v\n%s", err, out)
	}
	var files []string
	for _, pattern := range []string{"db/*", "views/*", "blobs/sealed/*/*"} {
		found, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
		if err != nil || len(found) == 0 {
			t.Fatalf("no files %s: %v", pattern, err)
		}
		files = append(files, found...)
	}
	unopened, tables := 0, 0
	for _, path := range files {
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(good) == 0 {
			continue
		}
		bad := bytes.Clone(good)
		if i := bytes.Index(bad, []byte("block_size=")); strings.HasPrefix(filepath.Base(path), "OPTIONS") && i >= 0 {
			bad[i+len("block_size")] ^= '=' ^ '}' // one bit, after which the store does not open
		} else {
			bad[len(bad)/3] ^= 1
		}
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		name = filepath.ToSlash(name)
		text := check("--json")
		var res checkResult
		if err := json.Unmarshal([]byte(text), &res); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		if !res.Sealed || len(res.Files) != 1 || res.Files[0].File != name {
			t.Errorf("%s: %s", name, text)
		}
		if d := res.Damage; d != nil && d.Field == "file" {
			unopened++
			if d.File != name {
				t.Errorf("%s: %s", name, text)
			}
		} else if strings.HasPrefix(name, "db/") && strings.HasSuffix(name, ".sst") {
			tables++
			if d == nil || d.Height == nil || d.File != name || strings.Contains(d.Detail, "\n") {
				t.Errorf("%s: %s", name, text)
			}
		}
		text = check()
		if !strings.Contains(text, "compared with their seal") || !strings.Contains(text, "file in "+name+": it") {
			t.Errorf("%s:\n%s", name, text)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if tables == 0 || unopened == 0 {
		t.Errorf("%d tables, %d files without which the store does not open, among %q", tables, unopened, files)
	}
}

// Something else in the place of the views or of recipients' data is damage like any
// other: the check names it, neither reads it nor waits for it, and completes the
// report.
func TestNodeCheckFilesInTheWay(t *testing.T) {
	dir := t.TempDir()
	nodetest.Story(t, dir)
	views := filepath.Join(dir, "views")
	pipe := func(path string) error { return unix.Mkfifo(path, 0o600) }
	link := func(path string) error { return os.Symlink(filepath.Join(dir, "IDENTITY"), path) }
	dangling := func(path string) error { return os.Symlink(filepath.Join(dir, "nothing"), path) }
	folder := func(path string) error { return os.Mkdir(path, 0o700) }
	for _, c := range []struct {
		name   string // what is damaged
		put    func(path string) error
		detail string
		views  node.ViewsState
	}{
		{"views/SEAL", pipe, "a named pipe", node.ViewsUnsealed},
		{"views/SEAL", link, "a symbolic link", node.ViewsUnsealed},
		{"views/SEAL", dangling, "a symbolic link", node.ViewsUnsealed},
		{"views/SEAL", folder, "a folder", node.ViewsUnsealed},
		{"views/LOCK", link, "a symbolic link", node.ViewsUnsealed},
		{"views/LOCK", pipe, "a named pipe", node.ViewsUnsealed},
		{"views/LOCK", link, "a symbolic link", node.ViewsUnsealed},
		{"views/LOCK", pipe, "a named pipe", node.ViewsUnsealed},
		{"views", pipe, "not a folder", node.ViewsUnsealed},
		{"views", link, "not a folder", node.ViewsUnsealed},
		{"blobs", pipe, "not a folder", node.ViewsAbsent},
	} {
		path := filepath.Join(dir, filepath.FromSlash(c.name))
		if filepath.Dir(path) == views {
			if err := folder(views); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.put(path); err != nil {
			t.Fatal(err)
		}
		out, code := steletest.Run(t, "node", "check", "--data", dir, "--json")
		var res checkResult
		if err := json.Unmarshal([]byte(out), &res); err != nil || code != 1 {
			t.Errorf("%s, %s: exit code %d: %s", c.name, c.detail, code, out)
		} else if res.Blocks < 2 || !res.Sealed || res.Damage != nil || res.Views != c.views || res.Good ||
			len(res.Files) != 1 || res.Files[0].File != c.name || !strings.Contains(res.Files[0].Detail, c.detail) {
			t.Errorf("%s, %s: %s", c.name, c.detail, out)
		}
		for _, there := range []string{path, views} {
			if err := os.Remove(there); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
}
