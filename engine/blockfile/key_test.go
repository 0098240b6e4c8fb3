package blockfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestReadKey(t *testing.T) {
	dir := t.TempDir()
	if key, err := ReadKey(dir); err != nil || key != noKey {
		t.Errorf("no file: %v, %v", key, err)
	}
	path := filepath.Join(dir, "xor.dat")
	if err := os.WriteFile(path, []byte("12345678"), 0o600); err != nil {
		t.Fatal(err)
	}
	if key, err := ReadKey(dir); err != nil || string(key[:]) != "12345678" {
		t.Errorf("got %v, %v", key, err)
	}
	if err := os.WriteFile(path, []byte("123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKey(dir); !errors.Is(err, ErrLength) {
		t.Errorf("9 bytes: %v", err)
	}
}
