package store

import (
	"context"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// LockFolder takes the lock of a folder with files of Pebble. The folder must exist.
// Errors: ErrLocked, ErrDisk, a [*Damage] if the lock is not a regular file.
func LockFolder(dir string, fs vfs.FS) (*pebble.Lock, error) {
	lock, err := pebble.LockDirectory(dir, fs)
	if err != nil {
		return nil, lockError(fs, fs.PathJoin(dir, lockFile), err)
	}
	return lock, nil
}

// FolderSeal is the seal of a folder: size and SHA-256 of its files, by name. Nil: there
// is none.
type FolderSeal map[string]fileDigest

// ReadFolderSeal reads the seal of a folder. It returns nil if there is none or it
// cannot be read.
func ReadFolderSeal(dir string, fs vfs.FS) FolderSeal {
	files, err := readSeal(fs, dir, sealFile)
	if err != nil {
		return nil
	}
	return files
}

// SealFolder writes a seal into a folder with files of Pebble, after Pebble is closed:
// size and SHA-256 of each file. [BreakFolderSeal] must remove it before any of them
// is changed. There must be no subfolders. Tables in the last seal are not read
// again: a table never changes, and its number is not reused until the folder is
// emptied; after that, last must be nil.
func SealFolder(ctx context.Context, dir string, fs vfs.FS, last FolderSeal) error {
	names, err := folderFiles(dir, fs)
	if err != nil {
		return diskError(err)
	}
	files := map[string]fileDigest{}
	for _, name := range names {
		d, known := last[name]
		if !known || !isTable(name) {
			if d, err = digestFile(ctx, fs, fs.PathJoin(dir, name)); err != nil {
				return diskError(err)
			}
		}
		files[name] = d
	}
	return diskError(writeFile(fs, dir, sealFile, encodeSeal(files)))
}

// BreakFolderSeal removes the seal of a folder, if there is one.
func BreakFolderSeal(dir string, fs vfs.FS) error {
	err := fs.Remove(fs.PathJoin(dir, sealFile))
	if err == nil {
		err = syncFolder(fs, dir)
	}
	if missing(err) {
		return nil
	}
	return diskError(err)
}

// VerifyFolder compares the files of a folder with the seal of [SealFolder] and
// returns all that are changed, missing or unknown, by name. Without a seal, or
// without the folder, there is nothing to compare. A lock or a seal that is not a
// regular file is damage too, and so is a seal that cannot be read (BadSeal).
func VerifyFolder(ctx context.Context, dir string, fs vfs.FS) (SealState, []*Damage, error) {
	all, err := checkLock(dir, fs)
	if err != nil {
		return Unsealed, nil, err
	}
	files, err := readSeal(fs, dir, sealFile)
	damage := (*Damage)(nil)
	switch {
	case missing(err):
		return Unsealed, all, nil
	case errors.As(err, &damage):
		return BadSeal, append(all, damage), nil
	case err != nil:
		return Sealed, all, err
	}
	names, err := folderFiles(dir, fs)
	if err != nil {
		return Sealed, all, diskError(err)
	}
	changed, err := compareFiles(ctx, fs, dir, names, files, false)
	return Sealed, append(all, changed...), err
}

// checkLock returns damage if something that is not a regular file stands in the place
// of a lock. There need not be one.
func checkLock(dir string, fs vfs.FS) ([]*Damage, error) {
	f, err := fs.Open(fs.PathJoin(dir, lockFile))
	switch {
	case missing(err):
		return nil, nil
	case errors.Is(err, ErrNotRegular):
		return []*Damage{{Height: NoHeight, Field: "file", File: lockFile, Detail: err.Error()}}, nil
	case err != nil:
		return nil, diskError(err)
	}
	return nil, diskError(f.Close())
}

// folderFiles lists the files that the seal of a folder covers: all except the seal
// and the lock.
func folderFiles(dir string, fs vfs.FS) ([]string, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == sealFile || name == lockFile })
	slices.Sort(names)
	return names, nil
}
