package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// ErrNotRegular means that a file of the store is not a regular file, but a symbolic
// link, a folder, a named pipe or a device.
var ErrNotRegular = errors.New("not a regular file")

// Disk is the file system of the operating system, as a store uses it: it opens only
// regular files and does not follow symbolic links, so that nothing in its folder can
// make a node read, wait for or overwrite anything outside. Errors: [ErrNotRegular].
// Safe for concurrent use.
var Disk vfs.FS = diskFS{vfs.Default}

type diskFS struct{ vfs.FS }

// Unwrap implements vfs.FS.
func (d diskFS) Unwrap() vfs.FS { return d.FS }

// Open implements vfs.FS.
func (d diskFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	return openRegular(name, func() (vfs.File, error) { return d.FS.Open(name, opts...) })
}

// OpenReadWrite implements vfs.FS.
func (d diskFS) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return openRegular(name, func() (vfs.File, error) { return d.FS.OpenReadWrite(name, category, opts...) })
}

// openRegular opens a file. It checks before that the name is that of a regular file,
// since opening a pipe would block, and after that it has opened this file.
func openRegular(name string, open func() (vfs.File, error)) (vfs.File, error) {
	before, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return open()
	case err != nil:
		return nil, err
	case !before.Mode().IsRegular():
		return nil, notRegular(name, before.Mode())
	}
	f, err := open()
	if err != nil {
		return nil, err
	}
	same, err := isOpen(f, name, before)
	if err == nil && !same {
		err = fmt.Errorf("%s was replaced while it was opened: %w", name, ErrNotRegular)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// notRegular returns an ErrNotRegular that names the kind of a file.
func notRegular(name string, mode fs.FileMode) error {
	what := "a device or a socket"
	switch mode.Type() {
	case fs.ModeSymlink:
		what = "a symbolic link"
	case fs.ModeDir:
		what = "a folder"
	case fs.ModeNamedPipe:
		what = "a named pipe"
	}
	return fmt.Errorf("%s is %s: %w", name, what, ErrNotRegular)
}
