package verify

import (
	"io"
	"os"
	"path/filepath"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/engine/blockfile"
	"stele/engine/verify"
)

// inputs are the files that a command line names, with one progress bar for all.
type inputs struct {
	sources []verify.Source
	bar     *cmdline.Progress
	read    int64 // bytes so far
}

// openInputs returns the inputs, which open each file when it is needed. Block files
// are read with the XOR key of their folder; opening fails if the key cannot be read.
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
	in.bar = cmdline.NewProgress(c, totalSize(c.Args().Slice()), "verify", progressbar.OptionShowBytes(true))
	return in
}

func (in *inputs) close() { in.bar.Close() }

// open opens one file.
func (in *inputs) open(c *cli.Context, name string) (io.ReadCloser, error) {
	if name == "-" {
		return &input{in, cmdline.Interruptible(c.Context, c.App.Reader)}, nil
	}
	f, err := cmdline.OpenFile(c.Context, name)
	if err != nil {
		return nil, err
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
	i.all.bar.Set(i.all.read)
	return n, err
}

// totalSize returns the size of all files in bytes, -1 if it is unknown.
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
