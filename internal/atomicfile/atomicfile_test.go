package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// read returns the content of a file, "" if there is none.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

// entries returns how many files a folder has.
func entries(t *testing.T, dir string) int {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// A file has its old content until the new one is committed, and keeps it if that
// is discarded.
func TestFile(t *testing.T) {
	for _, old := range []string{"", "old"} {
		for _, commit := range []bool{true, false} {
			dir := t.TempDir()
			name := filepath.Join(dir, "file")
			if old != "" {
				if err := os.WriteFile(name, []byte(old), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			f, err := Create(name, 0o644)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range []string{"new ", "content"} {
				if _, err := f.Write([]byte(part)); err != nil {
					t.Fatal(err)
				}
			}
			if got := read(t, name); got != old {
				t.Errorf("before the end: %q", got)
			}
			want := old
			if commit {
				if want = "new content"; f.Commit() != nil {
					t.Error("not committed")
				}
			}
			f.Discard()
			f.Discard()
			if got := read(t, name); got != want {
				t.Errorf("commit %v: %q, want %q", commit, got, want)
			}
			if info, err := os.Stat(name); commit && (err != nil || info.Mode().Perm() != 0o644) {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			if n := entries(t, dir); n != min(len(want), 1) {
				t.Errorf("%d files", n)
			}
		}
	}
}

// A symbolic link stays, whether there is something behind it or not.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "data", "target")
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	err := errors.Join(os.Mkdir(filepath.Dir(target), 0o755),
		os.Symlink(filepath.Join("data", "target"), first), os.Symlink(first, second))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{second, first, second} {
		if err := WriteFile(name, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, link := range []string{first, second} {
			if info, err := os.Lstat(link); err != nil || info.Mode().Type() != fs.ModeSymlink {
				t.Errorf("the link %s was replaced, %v", link, err)
			}
		}
		if got := read(t, target); got != name {
			t.Errorf("%q, want %q", got, name)
		}
	}
	circle := filepath.Join(dir, "circle")
	if err := os.Symlink(circle, circle); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(circle, nil, 0o600); err == nil {
		t.Error("a link to itself was written to")
	}
}

// What cannot be written is an error, and leaves nothing behind.
func TestErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Create(filepath.Join(dir, "none", "file"), 0o600); err == nil {
		t.Error("a file in a folder that does not exist")
	}
	folder := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(folder, "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(folder, []byte("x"), 0o600); err == nil {
		t.Error("a folder was replaced")
	}
	if n := entries(t, dir); n != 1 {
		t.Errorf("%d files", n)
	}
	f, err := Create(filepath.Join(dir, "file"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.temp.Close()
	if _, err := f.Write([]byte("x")); err == nil {
		t.Error("a write to a closed file")
	}
	if err := f.Commit(); err == nil {
		t.Error("a content that was not written was committed")
	}
	if n := entries(t, dir); n != 1 {
		t.Errorf("%d files", n)
	}
}
