package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"stele/bench"
	"stele/cmd/stele/internal/cmdline"
	"stele/internal/atomicfile"
)

// readResult reads a result from a file, or from standard input if name is "-".
func readResult(c *cli.Context, name string) (*bench.Result, error) {
	in, err := cmdline.OpenInput(c, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	result, err := bench.Parse(in)
	err = cmdline.Cause(c, err)
	if err != nil && !errors.As(err, new(*fs.PathError)) { // it names the file itself
		err = fmt.Errorf("%s: %w", cmdline.InputName(name), err)
	}
	return result, err
}

// openFIFO opens a FIFO for writing. It waits for the other end until ctx ends. A
// FIFO that opens later is closed again.
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

// outFile is where --out or another flag puts an output. A regular file is created or
// replaced when the output is complete. Anything else, such as a device or a FIFO, is written to
// directly.
type outFile struct {
	flag   string           // its name, for errors
	name   string           // as the user gave it; "": there is nothing to write
	file   *atomicfile.File // a regular file
	direct io.Writer        // not a regular file; nil: a FIFO, opened when there is a result
}

// newOutFile checks, before the work, that the result can be written.
func newOutFile(c *cli.Context) (*outFile, error) { return newFlagFile(c, "out") }

// newFlagFile is newOutFile for another flag.
func newFlagFile(c *cli.Context, flag string) (*outFile, error) {
	if !c.IsSet(flag) {
		return &outFile{}, nil
	}
	o := &outFile{flag: flag, name: c.String(flag)}
	if o.name == "" {
		return nil, fmt.Errorf("--%s: the file name is empty", flag)
	}
	if err := o.prepare(c); err != nil {
		return nil, o.explain(err)
	}
	return o, nil
}

// prepare creates or opens what will be written.
func (o *outFile) prepare(c *cli.Context) error {
	mode := fs.FileMode(0o644)
	info, err := os.Stat(o.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case info.IsDir():
		return errors.New("is a directory: must be a file")
	case isStandardOutput(info):
		o.direct = c.App.Writer
		return nil
	case info.Mode().Type() == fs.ModeNamedPipe:
		return nil
	case !info.Mode().IsRegular():
		o.direct, err = os.OpenFile(o.name, os.O_WRONLY, 0)
		return err
	default:
		mode = info.Mode().Perm()
	}
	o.file, err = atomicfile.Create(o.name, mode)
	return err
}

// isStandardOutput reports whether standard output leads to this file. Replacing it
// would lose what is printed.
func isStandardOutput(info fs.FileInfo) bool {
	out, err := os.Stdout.Stat()
	return err == nil && os.SameFile(info, out)
}

// write writes the result. A regular file is complete when it gets its name.
func (o *outFile) write(ctx context.Context, r *bench.Result) error {
	return o.writeWith(ctx, r.Encode)
}

// writeWith writes what encode does.
func (o *outFile) writeWith(ctx context.Context, encode func(io.Writer) error) error {
	switch {
	case o.name == "":
		return nil
	case o.file == nil:
		return o.explain(o.writeDirect(ctx, encode))
	}
	if err := encode(o.file); err != nil {
		return o.explain(err)
	}
	return o.explain(o.file.Commit())
}

// writeDirect writes to a file that is not regular.
func (o *outFile) writeDirect(ctx context.Context, encode func(io.Writer) error) error {
	if o.direct == nil {
		f, err := openFIFO(ctx, o.name)
		if err != nil {
			return err
		}
		o.direct = f
		stop := context.AfterFunc(ctx, func() { f.Close() }) // a reader that does not read
		defer stop()
	}
	return encode(o.direct)
}

// explain replaces the path in an error by the one that the user gave.
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
	return fmt.Errorf("--%s: %s: %w", o.flag, o.name, err)
}

// discard closes what is open, and removes an incomplete file.
func (o *outFile) discard() {
	if o.file != nil {
		o.file.Discard()
	}
	if f, ok := o.direct.(*os.File); ok && f != os.Stdout {
		f.Close()
	}
}
