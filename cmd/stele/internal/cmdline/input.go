package cmdline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"
)

// OpenInput opens a file, or standard input if name is "-". Reads fail when the
// context of c ends.
func OpenInput(c *cli.Context, name string) (io.ReadCloser, error) {
	if name == "-" {
		return Interruptible(c.Context, c.App.Reader), nil
	}
	f, err := OpenFile(c.Context, name)
	if err != nil {
		return nil, Cause(c, err)
	}
	return f, nil
}

// ReadInput reads a file, or standard input if name is "-". More than limit bytes
// are an error.
func ReadInput(c *cli.Context, name string, limit int64) ([]byte, error) {
	in, err := OpenInput(c, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err != nil {
		return nil, Cause(c, err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("%s is too large: must be at most %d bytes", InputName(name), limit)
	}
	return text, nil
}

// InputName returns the name of an input for messages.
func InputName(name string) string {
	if name == "-" {
		return "standard input"
	}
	return name
}

// OpenFile opens a file for reading. Opening and reading fail when ctx ends, also
// while a pipe waits for its other side. A goroutine that still waits in opening then
// lives as long as the program: nothing can wake it.
func OpenFile(ctx context.Context, name string) (io.ReadCloser, error) {
	if name == "" {
		return nil, errors.New("the file name is empty")
	}
	type result struct {
		f   *os.File
		err error
	}
	done := make(chan result)
	go func() {
		f, err := os.Open(name)
		select {
		case done <- result{f, err}:
		case <-ctx.Done():
			f.Close()
		}
	}()
	var f *os.File
	select {
	case r := <-done:
		if r.err != nil {
			return nil, r.err
		}
		f = r.f
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		f.Close()
		return nil, err
	case info.IsDir():
		f.Close()
		return nil, fmt.Errorf("%s is a directory: must be a file", name)
	case info.Mode().IsRegular():
		return f, nil
	}
	return &waiting{Interruptible(ctx, f), f}, nil
}

// waiting is a file whose reader may wait, such as a pipe, until a context ends.
type waiting struct {
	io.ReadCloser
	file *os.File
}

func (w *waiting) Close() error { return errors.Join(w.ReadCloser.Close(), w.file.Close()) }

// Interruptible returns a reader of r that fails when ctx ends. A goroutine that
// still waits for r then lives as long as the program: nothing can wake it.
func Interruptible(ctx context.Context, r io.Reader) io.ReadCloser {
	out, in := io.Pipe()
	stop := context.AfterFunc(ctx, func() { in.CloseWithError(ctx.Err()) })
	go func() {
		_, err := io.CopyBuffer(in, struct{ io.Reader }{r}, make([]byte, 1<<20))
		in.CloseWithError(err)
		stop()
	}()
	return out
}
