package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

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
	after, err := f.Stat()
	if err == nil && !sameFile(before, after) {
		err = fmt.Errorf("%s was replaced while it was opened: %w", name, ErrNotRegular)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sameFile is os.SameFile, which does not support Pebble's kind of FileInfo.
func sameFile(a, b fs.FileInfo) bool {
	x, ok := a.Sys().(*syscall.Stat_t)
	y, known := b.Sys().(*syscall.Stat_t)
	return ok && known && x.Dev == y.Dev && x.Ino == y.Ino
}

// Lock implements vfs.FS: an advisory lock (flock) on a file, which is created if it is
// missing and otherwise not changed. If the lock is held, by this process or another,
// the error is EWOULDBLOCK.
func (d diskFS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	switch {
	case errors.Is(err, syscall.ELOOP):
		return nil, notRegular(name, fs.ModeSymlink)
	case errors.Is(err, syscall.EISDIR):
		return nil, notRegular(name, fs.ModeDir)
	case err != nil:
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notRegular(name, info.Mode())
	}
	if err == nil {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
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
