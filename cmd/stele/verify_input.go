package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"

	"stele/engine/blockfile"
	"stele/engine/verify"
)

// inputs are the files that a command line names, with a progress bar for all
// of them.
type inputs struct {
	sources []verify.Source
	bar     *progress
	read    int64 // bytes so far
}

// openInputs returns the inputs, which open the files when they are needed.
// Files of blocks are read with the key of their folder. A key that cannot be
// read is an error of opening the file.
func openInputs(c *cli.Context, blocks bool) *inputs {
	in := &inputs{}
	for _, name := range c.Args().Slice() {
		src := verify.Source{
			Name: name,
			Open: func() (io.ReadCloser, error) { return in.open(c, name) },
		}
		if name == "-" {
			src.Name = "standard input"
		} else if blocks {
			key, err := blockfile.ReadKey(filepath.Dir(name))
			if err != nil {
				src.Open = func() (io.ReadCloser, error) { return nil, err }
			}
			src.Key = key
		}
		in.sources = append(in.sources, src)
	}
	in.bar = newProgress(c, totalSize(c.Args().Slice()), "verify", progressbar.OptionShowBytes(true))
	return in
}

func (in *inputs) close() { in.bar.close() }

// open opens one file.
func (in *inputs) open(c *cli.Context, name string) (io.ReadCloser, error) {
	if name == "-" {
		return &input{in, interruptible(c.Context, c.App.Reader)}, nil
	}
	f, err := openFile(c.Context, name)
	if err != nil {
		return nil, err
	}
	return &input{in, f}, nil
}

// openInput opens a file, or standard input if name is "-". Both end with the
// context of c.
func openInput(c *cli.Context, name string) (io.ReadCloser, error) {
	if name == "-" {
		return interruptible(c.Context, c.App.Reader), nil
	}
	f, err := openFile(c.Context, name)
	if err != nil {
		return nil, reason(c, err)
	}
	return f, nil
}

// readInput returns a file, or standard input if name is "-", of at most limit
// bytes.
func readInput(c *cli.Context, name string, limit int64) ([]byte, error) {
	in, err := openInput(c, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err != nil {
		return nil, reason(c, err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", inputName(name), limit)
	}
	return text, nil
}

func inputName(name string) string {
	if name == "-" {
		return "standard input"
	}
	return name
}

// openFile opens a file to read it, until ctx ends: a pipe waits for the other
// side, in opening and in reading. A goroutine that waits in opening even then
// ends with the program: there is no way to wake it.
func openFile(ctx context.Context, name string) (io.ReadCloser, error) {
	if name == "" {
		return nil, errors.New("file name is empty")
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
		return nil, fmt.Errorf("%s is a directory, a file is expected", name)
	case info.Mode().IsRegular():
		return f, nil
	}
	return &waiting{interruptible(ctx, f), f}, nil
}

// waiting is a file that may make its reader wait, until a context ends.
type waiting struct {
	io.ReadCloser
	file *os.File
}

func (w *waiting) Close() error { return errors.Join(w.ReadCloser.Close(), w.file.Close()) }

// input is an open file that moves the progress bar.
type input struct {
	all *inputs
	io.ReadCloser
}

func (i *input) Read(p []byte) (int, error) {
	n, err := i.ReadCloser.Read(p)
	i.all.read += int64(n)
	i.all.bar.set(i.all.read)
	return n, err
}

// totalSize returns the size of all files in bytes, or -1 if it cannot be told.
func totalSize(names []string) int64 {
	total := int64(0)
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			return -1
		}
		total += info.Size()
	}
	return total
}

// interruptible returns what r gives, until ctx ends. A goroutine that waits
// for r even then ends with the program: there is no way to wake it.
func interruptible(ctx context.Context, r io.Reader) io.ReadCloser {
	out, in := io.Pipe()
	stop := context.AfterFunc(ctx, func() { in.CloseWithError(ctx.Err()) })
	go func() {
		_, err := io.CopyBuffer(in, struct{ io.Reader }{r}, make([]byte, 1<<20))
		in.CloseWithError(err)
		stop()
	}()
	return out
}
