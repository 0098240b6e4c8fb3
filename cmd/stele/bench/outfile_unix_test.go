//go:build unix

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stele/cmd/stele/internal/cmdline"
)

// A FIFO is written to, and opened only when there is a result.
func TestOutWritesToFIFO(t *testing.T) {
	name := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := prepareOut(t, name)
	if err != nil {
		t.Fatal(err)
	}
	defer o.discard()
	read := make(chan []byte)
	go func() {
		text, _ := os.ReadFile(name)
		read <- text
	}()
	err = o.write(t.Context(), someResult)
	o.discard()
	if text := <-read; err != nil || !wholeResult(text) {
		t.Errorf("got %q, %v", text, err)
	}
	if info, err := os.Lstat(name); err != nil || info.Mode().Type() != fs.ModeNamedPipe {
		t.Errorf("the FIFO was replaced: %v, %v", info, err)
	}
}

// An interrupt ends the wait for the other end of a FIFO.
func TestBenchFIFOInterrupted(t *testing.T) {
	name := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("write", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		o, err := prepareOut(t, name)
		if err != nil {
			t.Fatal(err)
		}
		defer o.discard()
		if err := o.write(ctx, someResult); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
	for _, writer := range []bool{false, true} { // one that writes nothing
		t.Run(fmt.Sprint("check, writer ", writer), func(t *testing.T) {
			if writer {
				f, err := os.OpenFile(name, os.O_RDWR, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			var stdout, stderr bytes.Buffer
			app := cmdline.NewApp("", strings.NewReader(""), &stdout, &stderr, Command())
			if code := cmdline.Run(ctx, app, []string{"stele", "bench", "check", name}); code != cmdline.ExitFailed || stdout.Len() > 0 {
				t.Errorf("exit code %d, standard output %q, standard error %q", code, stdout.String(), stderr.String())
			}
		})
	}
}
