package keystore

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stele/node/ledger/keyfile"
	"stele/node/ledger/record"
)

// testFolder returns an empty folder whose keys are quickly made.
func testFolder(t *testing.T) Folder {
	t.Helper()
	return Folder{Path: filepath.Join(t.TempDir(), "config", "keys"), WorkFactor: keyfile.MinWorkFactor}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

// saveNew makes a key and a file for it.
func saveNew(f Folder, name, passphrase string) (File, error) {
	key, err := record.NewKey(nil)
	if err != nil {
		return File{}, err
	}
	return f.Save(name, passphrase, key)
}

func TestFolder(t *testing.T) {
	f := testFolder(t)
	if files, err := f.List(); len(files) != 0 || err != nil {
		t.Fatalf("an empty folder has %v, %v", files, err)
	}
	bob, err := saveNew(f, "bob", "open sesame")
	if err != nil {
		t.Fatal(err)
	}
	secret := record.KeyFromSeed([32]byte{1, 2, 3})
	alice, err := f.Save("alice", "open sesame", secret)
	if err != nil {
		t.Fatal(err)
	}
	if alice.Key != record.PublicOf(secret) || alice.Name != "alice" || alice.Path != filepath.Join(f.Path, "alice.key") {
		t.Errorf("saved as %+v", alice)
	}
	files, err := f.List()
	if err != nil || len(files) != 2 || files[0] != alice || files[1] != bob {
		t.Errorf("listed %+v, %v", files, err)
	}
	if shown, err := f.Show("bob"); err != nil || shown != bob {
		t.Errorf("shown %+v, %v", shown, err)
	}
	for name, want := range map[string]File{"alice": alice, "bob": bob} {
		key, err := f.Load(name, "open sesame")
		if err != nil {
			t.Fatal(err)
		}
		if record.PublicOf(key) != want.Key {
			t.Errorf("%s: loaded another key", name)
		}
	}
	for path, want := range map[string]fs.FileMode{f.Path: folderMode, alice.Path: fileMode} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
}

// The secret is in no file and in no error, in any of the ways to write it.
func TestSecrecy(t *testing.T) {
	f := testFolder(t)
	secret := record.KeyFromSeed([32]byte(bytes.Repeat([]byte{0xc3, 0x5a}, 16)))
	file, err := f.Save("alice", "open sesame", secret)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file.Path)
	if err != nil {
		t.Fatal(err)
	}
	_, wrong := f.Load("alice", "open sesam")
	_, again := f.Save("alice", "open sesame", secret)
	_, empty := f.Save("carol", "", secret)
	for name, said := range map[string]string{"file": string(text), "wrong": wrong.Error(), "again": again.Error(), "empty": empty.Error()} {
		for _, form := range []string{string(secret.Seed()), hex.EncodeToString(secret.Seed()[:8]), "195 90 195", "open ses"} {
			if strings.Contains(strings.ToLower(said), form) {
				t.Errorf("%s: has the secret as %q", name, form)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	f := testFolder(t)
	file, err := saveNew(f, "alice", "open sesame")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", ".", "..", "../alice", "a/b", "-alice", ".alice", "a b", "a\x00", strings.Repeat("a", 64)} {
		_, err := saveNew(f, name, "open sesame")
		wantError(t, err, ErrName)
		_, err = f.Load(name, "open sesame")
		wantError(t, err, ErrName)
		_, err = f.Show(name)
		wantError(t, err, ErrName)
	}
	_, err = saveNew(f, "alice", "open sesame")
	wantError(t, err, fs.ErrExist)
	_, err = saveNew(f, "bob", "")
	wantError(t, err, keyfile.ErrPassphrase)
	_, err = f.Load("alice", "")
	wantError(t, err, keyfile.ErrPassphrase)
	_, err = f.Load("alice", "open barley")
	wantError(t, err, keyfile.ErrPassphrase)
	_, err = f.Load("bob", "open sesame")
	wantError(t, err, fs.ErrNotExist)
	for _, factor := range []int{-1, keyfile.MinWorkFactor - 1, keyfile.MaxWorkFactor + 1} {
		if _, err := saveNew(Folder{f.Path, factor}, "bob", "open sesame"); err == nil {
			t.Errorf("work factor %d", factor)
		}
	}

	if err := os.Chmod(file.Path, 0o640); err != nil {
		t.Fatal(err)
	}
	_, err = f.Load("alice", "open sesame")
	wantError(t, err, ErrMode)
	if want := "chmod 600 " + file.Path; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v does not say %q", err, want)
	}
	if err := os.Chmod(f.Path, 0o770); err != nil {
		t.Fatal(err)
	}
	_, err = saveNew(f, "bob", "open sesame")
	wantError(t, err, ErrMode)
	if _, err := f.Show("bob"); err == nil {
		t.Error("a key in a folder that is open to others")
	}
}

// Any change of a file is noticed, and a damaged one does not hide the others.
func TestDamage(t *testing.T) {
	f := testFolder(t)
	file, err := saveNew(f, "alice", "open sesame")
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(file.Path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := saveNew(f, "bob", "open sesame"); err != nil {
		t.Fatal(err)
	}
	write := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(file.Path, text, fileMode); err != nil {
			t.Fatal(err)
		}
	}
	for i := range good {
		text := bytes.Clone(good)
		text[i] ^= 1
		write(text)
		if key, err := f.Load("alice", "open sesame"); err == nil {
			t.Errorf("byte %d, %q, makes no difference: %v", i, good[i], record.PublicOf(key) == file.Key)
		} else if !errors.Is(err, keyfile.ErrFormat) && !errors.Is(err, keyfile.ErrPassphrase) {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	other, err := os.ReadFile(filepath.Join(f.Path, "bob.key"))
	if err != nil {
		t.Fatal(err)
	}
	head := bytes.IndexByte(good, '-')
	for name, text := range map[string][]byte{
		"nothing":        nil,
		"one line":       good[:20],
		"no secret":      good[:head],
		"half a secret":  good[:len(good)/2],
		"another secret": append(bytes.Clone(good[:head]), other[head:]...),
		"much more":      append(bytes.Clone(good), make([]byte, keyfile.MaxSize)...),
	} {
		write(text)
		if _, err := f.Load("alice", "open sesame"); !errors.Is(err, keyfile.ErrFormat) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	write(nil)
	files, err := f.List()
	wantError(t, err, keyfile.ErrFormat)
	if len(files) != 1 || files[0].Name != "bob" {
		t.Errorf("listed %+v", files)
	}
	write(good)
	if _, err := f.Load("alice", "open sesame"); err != nil {
		t.Error(err)
	}
}

func TestDefaultPath(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", "/somewhere")
	if path, err := DefaultPath(); err != nil || path != "/somewhere/stele/keys" {
		t.Errorf("%s, %v", path, err)
	}
}
