package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"stele/bench"
)

// readResult reads a result from a file, or from standard input if name is "-".
func readResult(c *cli.Context, name string) (*bench.Result, error) {
	in, err := openInput(c, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	result, err := bench.Parse(in)
	err = reason(c, err)
	if err != nil && !errors.As(err, new(*fs.PathError)) { // which names the file itself
		err = fmt.Errorf("%s: %w", inputName(name), err)
	}
	return result, err
}

// openFIFO opens a FIFO for writing. It waits for the other end, but not beyond
// the end of ctx. What opens later is closed again.
func openFIFO(ctx context.Context, name string) (*os.File, error) {
	type opened struct {
		file *os.File
		err  error
	}
	done := make(chan opened)
	go func() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		select {
		case done <- opened{f, err}:
		case <-ctx.Done():
			if err == nil {
				f.Close()
			}
		}
	}()
	select {
	case o := <-done:
		return o.file, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// outFile is where --out wants the result. A regular file appears, or is
// replaced, when the result is complete. Anything else that exists, such as a
// device or a FIFO, is written to as it is.
type outFile struct {
	name   string      // as the user gave it; "": there is nothing to write
	target string      // the regular file, symbolic links resolved
	mode   fs.FileMode // of the regular file
	temp   *os.File    // becomes the regular file
	direct io.Writer   // not a regular file; nil: a FIFO, opened when there is a result
}

// newOutFile makes sure, before the work, that the result can be written.
func newOutFile(c *cli.Context) (*outFile, error) {
	if !c.IsSet("out") {
		return &outFile{}, nil
	}
	o := &outFile{name: c.String("out"), mode: 0o644}
	if o.name == "" {
		return nil, errors.New("--out: file name is empty")
	}
	if err := o.prepare(c); err != nil {
		return nil, o.explain(err)
	}
	return o, nil
}

// prepare looks at what is there, and creates or opens what will be written.
func (o *outFile) prepare(c *cli.Context) error {
	info, err := os.Stat(o.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if o.target, err = missingTarget(o.name); err != nil {
			return err
		}
	case err != nil:
		return err
	case info.IsDir():
		return errors.New("is a directory, a file is expected")
	case isStandardOutput(info):
		o.direct = c.App.Writer
		return nil
	case info.Mode().Type() == fs.ModeNamedPipe:
		return nil
	case !info.Mode().IsRegular():
		o.direct, err = os.OpenFile(o.name, os.O_WRONLY, 0)
		return err
	default:
		o.mode = info.Mode().Perm()
		if o.target, err = filepath.EvalSymlinks(o.name); err != nil {
			return err
		}
	}
	o.temp, err = os.CreateTemp(filepath.Dir(o.target), ".stele-bench-*")
	return err
}

// missingTarget is the path of the file that is to be created as name, which
// may be a symbolic link to where nothing is yet.
func missingTarget(name string) (string, error) {
	folder, err := filepath.EvalSymlinks(filepath.Dir(name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no folder %s", filepath.Dir(name))
	}
	if err != nil {
		return "", err
	}
	link, err := os.Readlink(name)
	if err != nil { // not a link
		return filepath.Join(folder, filepath.Base(name)), nil
	}
	if !filepath.IsAbs(link) {
		link = filepath.Join(folder, link)
	}
	return missingTarget(link)
}

// isStandardOutput reports whether a file is what standard output leads to.
// Replacing it would lose what is printed.
func isStandardOutput(info fs.FileInfo) bool {
	out, err := os.Stdout.Stat()
	return err == nil && os.SameFile(info, out)
}

// write writes the result, and gives a regular file its name.
func (o *outFile) write(ctx context.Context, r *bench.Result) error {
	switch {
	case o.name == "":
		return nil
	case o.temp == nil:
		return o.explain(o.writeDirect(ctx, r))
	}
	err := errors.Join(r.Encode(o.temp), o.temp.Chmod(o.mode), o.temp.Close())
	if err == nil {
		err = os.Rename(o.temp.Name(), o.target)
	}
	if err == nil {
		o.temp = nil
	}
	return o.explain(err)
}

// writeDirect writes to what is not a regular file.
func (o *outFile) writeDirect(ctx context.Context, r *bench.Result) error {
	if o.direct == nil {
		f, err := openFIFO(ctx, o.name)
		if err != nil {
			return err
		}
		o.direct = f
		stop := context.AfterFunc(ctx, func() { f.Close() }) // a reader that does not read
		defer stop()
	}
	return r.Encode(o.direct)
}

// explain names the path that the user gave instead of those behind it.
func (o *outFile) explain(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &link):
		err = link.Err
	}
	return fmt.Errorf("--out: %s: %w", o.name, err)
}

// discard closes what is open, and removes a file that was not completed.
func (o *outFile) discard() {
	if o.temp != nil {
		o.temp.Close()
		os.Remove(o.temp.Name())
	}
	if f, ok := o.direct.(*os.File); ok && f != os.Stdout {
		f.Close()
	}
}
