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

// isOpen reports whether the name of f, which was just opened, is still that of the file
// that was found. What it was in between is not known.
func isOpen(_ vfs.File, name string, found fs.FileInfo) (bool, error) {
	now, err := os.Lstat(name)
	return err == nil && os.SameFile(found, now), err
}

// sharingViolation is the error of the system for a file that another process has opened
// alone.
const sharingViolation = syscall.Errno(32)

// Lock implements vfs.FS: it opens a file alone, which is created if it is missing. If
// the lock is held, by this process or another, the error is EWOULDBLOCK.
func (d diskFS) Lock(name string) (io.Closer, error) {
	info, err := os.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		return nil, notRegular(name, info.Mode())
	}
	lock, err := d.FS.Lock(name)
	if errors.Is(err, sharingViolation) {
		err = fmt.Errorf("%s is open in another process: %w", name, syscall.EWOULDBLOCK)
	}
	return lock, err
}
