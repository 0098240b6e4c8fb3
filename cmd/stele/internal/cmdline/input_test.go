package cmdline

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/urfave/cli/v2"
)

// untouched is a standard input that must not be read.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("standard input was read")
	return 0, os.ErrClosed
}

// Reading a file takes nothing from standard input, which the passphrase prompt may
// read next.
func TestFileLeavesStandardInputAlone(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	want := bytes.Repeat([]byte("text"), 1000)
	if err := os.WriteFile(name, want, 0o600); err != nil {
		t.Fatal(err)
	}
	c := cli.NewContext(&cli.App{Reader: untouched{t}}, nil, nil)
	c.Context = t.Context()
	got, err := ReadInput(c, name, int64(len(want)))
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if _, err := ReadInput(c, name, int64(len(want))-1); err == nil {
		t.Error("a file above the limit was read")
	}
}

// A read from standard input that would wait for ever ends with the context.
func TestInterruptible(t *testing.T) {
	never, feed := io.Pipe()
	defer feed.Close()
	ctx, cancel := context.WithCancel(t.Context())
	in := Interruptible(ctx, never)
	go func() { _, _ = feed.Write([]byte("abc")) }()
	got := make([]byte, 3)
	if _, err := io.ReadFull(in, got); err != nil || string(got) != "abc" {
		t.Errorf("got %q, %v", got, err)
	}
	cancel()
	if _, err := in.Read(got); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context: %v", err)
	}

	broken := errors.New("broken")
	for _, want := range []error{nil, broken} {
		data := slices.Repeat([]byte("0123456789"), 300_000)
		from, feed := io.Pipe()
		go func() {
			_, _ = feed.Write(data)
			feed.CloseWithError(want)
		}()
		in := Interruptible(t.Context(), from)
		got, err := io.ReadAll(in)
		if !bytes.Equal(got, data) || err != want {
			t.Errorf("got %d bytes, %v, want %v", len(got), err, want)
		}
	}
}

// Neither opening a pipe without a writer nor reading an empty pipe outlives the
// context.
func TestOpenFileEndsWithContext(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := OpenFile(ctx, name); !errors.Is(err, context.Canceled) {
		t.Errorf("opened without a writer: %v", err)
	}

	// Open for both sides, a pipe never waits in opening and never ends.
	writer, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if _, err := writer.WriteString("abc"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	in, err := OpenFile(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	got := make([]byte, 3)
	if _, err := io.ReadFull(in, got); err != nil || string(got) != "abc" {
		t.Errorf("got %q, %v", got, err)
	}
	cancel()
	if _, err := in.Read(got); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context: %v", err)
	}
}
