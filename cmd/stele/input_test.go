package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/urfave/cli/v2"
)

// untouched is a standard input that nobody may read from.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("standard input was read")
	return 0, os.ErrClosed
}

// Whoever names a file has nothing taken from standard input, where a
// passphrase may be asked for next.
func TestFileLeavesStandardInputAlone(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	want := bytes.Repeat([]byte("text"), 1000)
	if err := os.WriteFile(name, want, 0o600); err != nil {
		t.Fatal(err)
	}
	c := cli.NewContext(&cli.App{Reader: untouched{t}}, nil, nil)
	c.Context = t.Context()
	got, err := readInput(c, name, int64(len(want)))
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if _, err := readInput(c, name, int64(len(want))-1); err == nil {
		t.Error("a file above the limit was read")
	}
}
