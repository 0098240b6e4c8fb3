// Package atomicfile replaces files atomically: a reader gets all of the old content
// or all of the new, even if the writer fails, is killed, or the machine stops.
//
//   - [WriteFile] is for content that the caller already has.
//   - [Create] is for content that takes long to produce: it fails before that work
//     if the file cannot be written.
//
// Until it is complete, the content is in a temporary file in the same folder, whose
// name begins with a dot.
//
// # Caveats
//
// A process that is killed leaves its temporary file behind. A hard link to the old
// file keeps the old content. A pipe or another special file is replaced like a
// regular one; callers that do not want this must check first.
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// File is the new content of a file. It is not safe for concurrent use.
type File struct {
	temp   *os.File // nil: committed or discarded
	target string
	perm   fs.FileMode
}

// Create returns the new content of the file name, empty at first. A symbolic link
// stays: the file that it points to is replaced, or created if it does not exist. The
// file gets the mode perm, whatever the umask. The caller must call [File.Commit] or
// [File.Discard], and may call both.
func Create(name string, perm fs.FileMode) (*File, error) {
	target, err := resolve(name, maxLinks)
	if err != nil {
		return nil, err
	}
	temp, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+".*")
	if err != nil {
		return nil, err
	}
	return &File{temp, target, perm}, nil
}

// Write appends to the new content.
func (f *File) Write(p []byte) (int, error) { return f.temp.Write(p) }

// Commit syncs the new content to the disk, and replaces the file by it. If it fails,
// the file is unchanged.
func (f *File) Commit() error {
	defer f.Discard()
	if err := errors.Join(f.temp.Chmod(f.perm), f.temp.Sync(), f.temp.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.temp.Name(), f.target); err != nil {
		return err
	}
	f.temp = nil
	return nil
}

// Discard removes the new content and leaves the file unchanged. After Commit it
// does nothing.
func (f *File) Discard() {
	if f.temp != nil {
		_ = f.temp.Close() // it is removed next
		_ = os.Remove(f.temp.Name())
		f.temp = nil
	}
}

// WriteFile replaces a file, or creates it, as [Create] does.
func WriteFile(name string, data []byte, perm fs.FileMode) error {
	f, err := Create(name, perm)
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Commit()
}

// maxLinks is the longest chain of symbolic links that is followed, as on Linux.
const maxLinks = 40

// resolve returns the path that name points to through symbolic links. The file need
// not exist, but its folder must.
func resolve(name string, links int) (string, error) {
	folder, err := filepath.EvalSymlinks(filepath.Dir(name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("folder %s does not exist", filepath.Dir(name))
	}
	if err != nil {
		return "", err
	}
	link, err := os.Readlink(name)
	switch {
	case err != nil: // not a link
		return filepath.Join(folder, filepath.Base(name)), nil
	case links == 0:
		return "", fmt.Errorf("%s: more than %d symbolic links", name, maxLinks)
	case !filepath.IsAbs(link):
		link = filepath.Join(folder, link)
	}
	return resolve(link, links-1)
}
