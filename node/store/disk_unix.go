//go:build unix

package store

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// isOpen reports whether f is the file that was found under a name. os.SameFile does not
// support Pebble's kind of FileInfo.
func isOpen(f vfs.File, _ string, found fs.FileInfo) (bool, error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	x, ok := info.Sys().(*syscall.Stat_t)
	y, known := found.Sys().(*syscall.Stat_t)
	return ok && known && x.Dev == y.Dev && x.Ino == y.Ino, nil
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
