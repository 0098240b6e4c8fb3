package main

import (
	"context"
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
// Files of blocks are read with the key of their folder.
func openInputs(c *cli.Context, blocks bool) (in *inputs, err error) {
	in = &inputs{}
	for _, name := range c.Args().Slice() {
		src := verify.Source{
			Name: name,
			Open: func() (io.ReadCloser, error) { return in.open(c, name) },
		}
		if name == "-" {
			src.Name = "standard input"
		} else if blocks {
			if src.Key, err = blockfile.ReadKey(filepath.Dir(name)); err != nil {
				return nil, err
			}
		}
		in.sources = append(in.sources, src)
	}
	in.bar = newProgress(c, totalSize(c.Args().Slice()), "verify", progressbar.OptionShowBytes(true))
	return in, nil
}

func (in *inputs) close() { in.bar.close() }

// open opens one file.
func (in *inputs) open(c *cli.Context, name string) (io.ReadCloser, error) {
	if name == "-" {
		return &input{in, interruptible(c.Context, c.App.Reader)}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, fmt.Errorf("%s is a directory, a file is expected", name)
	}
	return &input{in, f}, nil
}

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
