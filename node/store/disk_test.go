package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// diskStore makes a sealed store on the disk.
func diskStore(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(dir, testIdentity, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// openBoth opens a store for writing and for reading, and returns both errors.
func openBoth(dir string, o Options) map[string]error {
	all := map[string]error{}
	for name, readOnly := range map[string]bool{"write": false, "read": true} {
		o.ReadOnly = readOnly
		s, err := Open(dir, testIdentity, o)
		if err == nil {
			err = s.Close()
		}
		all[name] = err
	}
	return all
}

// What is not a regular file is neither followed, nor waited for, nor changed.
func TestOnlyRegularFiles(t *testing.T) {
	target := filepath.Join(t.TempDir(), "target")
	for _, name := range []string{lockFile, sealFile, IdentityFile} {
		for what, c := range map[string]struct {
			put  func(path string) error
			want string
		}{
			"symbolic link": {func(path string) error { return os.Symlink(target, path) }, "a symbolic link"},
			"dangling link": {func(path string) error { return os.Symlink(target+".none", path) }, "a symbolic link"},
			"named pipe":    {func(path string) error { return syscall.Mkfifo(path, 0o600) }, "a named pipe"},
			"folder":        {func(path string) error { return os.Mkdir(path, 0o700) }, "a folder"},
		} {
			dir := diskStore(t)
			path := filepath.Join(dir, name)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(target, append(content, "precious"...), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := c.put(path); err != nil {
				t.Fatal(err)
			}
			for how, err := range openBoth(dir, Options{}) {
				if name == sealFile && how == "read" {
					// An opening for reading ignores the seal: VerifySeal reports it.
					_, damage, e := VerifySeal(t.Context(), dir, nil)
					if e != nil || len(damage) != 1 {
						t.Errorf("%s is a %s: %v, %v", name, what, damage, e)
						continue
					}
					err = damage[0]
				}
				var d *Damage
				if !errors.As(err, &d) || d.File != name || !strings.Contains(d.Detail, c.want) {
					t.Errorf("%s is a %s, open to %s: %v", name, what, how, err)
				}
			}
			if got, err := os.ReadFile(target); err != nil || string(got) != string(content)+"precious" {
				t.Errorf("%s was a link: its target is now %q, %v", name, got, err)
			}
			if info, err := os.Lstat(path); err != nil || info.Mode().IsRegular() {
				t.Errorf("%s was a %s and is %v, %v", name, what, info, err)
			}
		}
	}
}

// The lock excludes others, with an error of its own, and does not change the file.
func TestDiskLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "LOCK")
	if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	lock, err := lockFolder(Disk, path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockFolder(Disk, path); !errors.Is(err, ErrLocked) {
		t.Errorf("a second lock: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	lock, err = lockFolder(Disk, path)
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "content" {
		t.Errorf("the file has %q now, %v", got, err)
	}
}

// Files of the wrong size or content are damage, whoever opens the store; a seal
// that cannot be read stays as it is.
func TestMalformedFiles(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"seal":           {sealFile, "stele seal 1\nnonsense\n", "checksum"},
		"empty seal":     {sealFile, "", "checksum"},
		"identity":       {IdentityFile, "nonsense", "checksum"},
		"large identity": {IdentityFile, strings.Repeat("x", 1<<20), "more than 4096 bytes"},
	} {
		dir := diskStore(t)
		if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir, testIdentity, Options{})
		if err == nil {
			s.Close()
		}
		if d := (*Damage)(nil); !errors.As(err, &d) || d.File != c.file || !strings.Contains(d.Detail, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, c.file)); err != nil || string(got) != c.text {
			t.Errorf("%s: changed to %.60q, %v", name, got, err)
		}
	}
}

// deniedFS may not read the files of the store's folder.
type deniedFS struct{ vfs.FS }

func (d deniedFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	if base := filepath.Base(name); base == sealFile || base == IdentityFile {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EACCES}
	}
	return d.FS.Open(name, opts...)
}

// The error about a file that may not be read says so, and not that the disk must be
// writable.
func TestUnreadableFiles(t *testing.T) {
	disk, _ := sealedStore(t)
	_, err := Open(testDir, testIdentity, Options{FS: deniedFS{disk}, ReadOnly: true})
	if !errors.Is(err, ErrDisk) || !strings.Contains(err.Error(), "IDENTITY cannot be read") || strings.Contains(err.Error(), "writable") {
		t.Errorf("the identity: %v", err)
	}
	if _, _, err := VerifySeal(t.Context(), testDir, deniedFS{disk}); !errors.Is(err, ErrDisk) || !strings.Contains(err.Error(), "SEAL cannot be read") {
		t.Errorf("the seal: %v", err)
	}
}
