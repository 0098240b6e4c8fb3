package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/engine/pow"
)

// schema is the version of the layout of the store. A change of the layout
// needs a new number.
const schema = 1

// IdentityFile is the name of the file that says whose chain a store keeps.
const IdentityFile = "IDENTITY"

const maxIdentity = 4096 // bytes

// text returns the contents of the identity file: a line with the identity, and a line
// with the SHA-256d of the first.
func (id Identity) text() []byte {
	line := fmt.Sprintf("stele store, schema %d, network %08x, genesis %s\n", schema, id.Network, id.Genesis)
	return fmt.Appendf(nil, "%ssum %s\n", line, pow.Sum([]byte(line)))
}

// parseIdentity reads what text wrote.
func parseIdentity(text []byte) (id Identity, version uint64, err error) {
	line, sum, ok := bytes.Cut(text, []byte("\nsum "))
	line = append(line[:len(line):len(line)], '\n')
	if want := pow.Sum(line).String() + "\n"; !ok || string(sum) != want {
		return id, 0, errors.New("its checksum is wrong")
	}
	var genesis string
	_, err = fmt.Sscanf(string(line), "stele store, schema %d, network %x, genesis %s\n", &version, &id.Network, &genesis)
	if version > schema {
		return id, version, nil // the rest may have changed
	}
	if err == nil {
		id.Genesis, err = pow.ParseHash(genesis)
	}
	if err == nil && !bytes.Equal(id.text(), text) {
		err = errors.New("its form is not the one that is written")
	}
	return id, version, err
}

// checkIdentity compares the identity of the store with that of the caller. Errors:
// ErrNetwork, ErrNewer, ErrCorrupt, those of the disk, and fs.ErrNotExist if there is
// none.
func (s *Store) checkIdentity(want Identity) error {
	text, err := readFile(s.fs, s.dir, IdentityFile, maxIdentity)
	if err != nil {
		return err
	}
	id, version, err := parseIdentity(text)
	switch {
	case err != nil:
		return &Damage{Height: NoHeight, Field: "file", File: IdentityFile, Detail: err.Error()}
	case version > schema:
		return fmt.Errorf("%w: %s has schema %d, this program supports up to %d: use the newer program or another folder",
			ErrNewer, s.dir, version, schema)
	case id != want:
		return fmt.Errorf("%w: %s has network %08x with genesis %s, not %08x with %s: choose another folder or network",
			ErrNetwork, s.dir, id.Network, id.Genesis, want.Network, want.Genesis)
	}
	return nil
}

// writeIdentity writes the identity of a new store. There must be no database yet.
func (s *Store) writeIdentity(id Identity) error {
	files, err := s.fs.List(s.path("db"))
	if err != nil {
		return diskError(err)
	}
	if len(files) > 0 {
		return &Damage{Height: NoHeight, Field: "file", File: IdentityFile, Detail: "it is missing, although there is a database"}
	}
	return diskError(writeFile(s.fs, s.dir, IdentityFile, id.text()))
}

// lockFolder takes the lock file. Errors: ErrLocked, ErrDisk, a [*Damage] if it is not a
// regular file.
func lockFolder(fs vfs.FS, name string) (io.Closer, error) {
	lock, err := fs.Lock(name)
	if err != nil {
		return nil, lockError(fs, name, err)
	}
	return lock, nil
}

// lockError wraps an error of vfs.FS.Lock in its kind.
func lockError(fs vfs.FS, name string, err error) error {
	errno := syscall.Errno(0)
	if errors.Is(err, ErrNotRegular) {
		return &Damage{Height: NoHeight, Field: "file", File: fs.PathBase(name), Detail: err.Error()}
	}
	held := errors.As(err, &errno) && (errno == syscall.EAGAIN || errno == syscall.EACCES && error(errno) == err)
	if held || strings.Contains(err.Error(), "lock held") {
		return fmt.Errorf("%w: another process holds %s: stop it first", ErrLocked, name)
	}
	return diskError(err)
}

// makeFolders creates dir and, in it, db, and syncs their parents: a crash does not
// lose them.
func makeFolders(fs vfs.FS, dir, db string) error {
	if err := fs.MkdirAll(db, 0o700); err != nil {
		return err
	}
	for _, d := range []string{dir, filepath.Dir(filepath.Clean(dir))} {
		if err := syncFolder(fs, d); err != nil {
			return err
		}
	}
	return nil
}

func syncFolder(fs vfs.FS, dir string) error {
	f, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	return errors.Join(err, f.Close())
}

// readFile reads a file of the folder dir. The error is a [*Damage] if it is not a
// regular file of at most max bytes, and fs.ErrNotExist if it is missing.
func readFile(fs vfs.FS, dir, name string, max int64) ([]byte, error) {
	path := fs.PathJoin(dir, name)
	var b []byte
	f, err := fs.Open(path)
	if err == nil {
		b, err = io.ReadAll(io.LimitReader(f, max+1))
		err = errors.Join(err, f.Close())
	}
	switch {
	case err == nil && int64(len(b)) > max:
		return nil, &Damage{Height: NoHeight, Field: "file", File: name, Detail: fmt.Sprintf("it has more than %d bytes", max)}
	case errors.Is(err, ErrNotRegular):
		return nil, &Damage{Height: NoHeight, Field: "file", File: name, Detail: err.Error()}
	case errors.Is(err, iofs.ErrPermission):
		return nil, fmt.Errorf("%w: %s cannot be read: run this as the user of the node: %w", ErrDisk, path, err)
	case err != nil && !missing(err):
		return nil, diskError(err)
	}
	return b, err
}

// writeFile writes a file into the folder atomically: after a crash the file is
// complete, or as before.
func writeFile(fs vfs.FS, dir, name string, b []byte) error {
	temporary := fs.PathJoin(dir, name+".tmp")
	f, err := fs.Create(temporary, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = fs.Remove(temporary)
		return err
	}
	if err := fs.Rename(temporary, fs.PathJoin(dir, name)); err != nil {
		return err
	}
	return syncFolder(fs, dir)
}
