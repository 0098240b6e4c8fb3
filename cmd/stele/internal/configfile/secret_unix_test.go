//go:build unix

package configfile

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"
)

// A secret can come from a pipe; a pipe without a writer is an error.
func TestSecretFIFO(t *testing.T) {
	name := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	written := make(chan error)
	go func() { written <- os.WriteFile(name, []byte("secret\nmore\n"), 0) }()
	got, err := Secret(&cli.Context{Context: t.Context()}, name)
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if got != "secret" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}

	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got, err := Secret(&cli.Context{Context: soon}, name); got != "" || err == nil || !strings.Contains(err.Error(), "the other end of the pipe must write") {
		t.Errorf("got %q, %v", got, err)
	}

	silent, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	soon, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got, err := Secret(&cli.Context{Context: soon}, name); got != "" || err == nil || !strings.Contains(err.Error(), "the other end of the pipe must write") {
		t.Errorf("with a writer that is silent: got %q, %v", got, err)
	}

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := Secret(&cli.Context{Context: ended}, name); got != "" || err == nil {
		t.Errorf("after an interrupt: got %q, %v", got, err)
	}
}
