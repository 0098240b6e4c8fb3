package keystore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"stele/node/ledger/keyfile"
	"stele/node/ledger/record"
)

// The errors besides [fs.ErrExist], [fs.ErrNotExist], [keyfile.ErrPassphrase]
// and [keyfile.ErrFormat].
var (
	// ErrName means that a name cannot be that of a key.
	ErrName = errors.New("bad name for a key")
	// ErrMode means that others than the owner have access to a file or folder.
	ErrMode = errors.New("open to others")
)

const (
	extension  = ".key"
	fileMode   = 0o600
	folderMode = 0o700
)

// goodName matches the names that are safe in every file system.
var goodName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// Folder is where key files are.
type Folder struct {
	Path string
	// WorkFactor is how hard the passphrases of new files are to guess: see
	// [keyfile.Encrypt].
	WorkFactor int
}

// File is a key file, as far as it can be read without the passphrase.
type File struct {
	Name string
	Key  record.Key
	Path string
}

// DefaultPath returns the folder for the keys of this user: stele/keys in
// $XDG_CONFIG_HOME, or what is customary on the operating system.
func DefaultPath() (string, error) {
	config, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("folder for keys: %w", err)
	}
	return filepath.Join(config, "stele", "keys"), nil
}

// Save makes a file for a key, and the folder if there is none. It never
// overwrites a file. Errors: [ErrName], [keyfile.ErrPassphrase], [ErrMode],
// [fs.ErrExist], and those of the file system.
func (f Folder) Save(name, passphrase string, key record.PrivateKey) (File, error) {
	path, err := f.path(name)
	if err != nil {
		return File{}, err
	}
	text, err := keyfile.Encrypt(key, passphrase, f.WorkFactor)
	if err != nil {
		return File{}, err
	}
	if err := os.MkdirAll(f.Path, folderMode); err != nil {
		return File{}, err
	}
	if err := checkMode(f.Path, 0o022); err != nil {
		return File{}, err
	}
	if err := writeNew(path, text); err != nil {
		return File{}, err
	}
	return File{Name: name, Key: record.PublicOf(key), Path: path}, nil
}

// Load returns the signing key of a file. Errors: [ErrName], [ErrMode],
// [keyfile.ErrPassphrase], [keyfile.ErrFormat], [fs.ErrNotExist], and those of
// the file system.
func (f Folder) Load(name, passphrase string) (record.PrivateKey, error) {
	file, text, err := f.read(name)
	if err != nil {
		return nil, err
	}
	if err := checkMode(file.Path, 0o077); err != nil {
		return nil, err
	}
	key, err := keyfile.Decrypt(text, passphrase)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", name, err)
	}
	return key, nil
}

// Show returns what a file says without its passphrase. Errors: those of
// [Folder.Load].
func (f Folder) Show(name string) (File, error) {
	file, _, err := f.read(name)
	return file, err
}

// List returns all files, in the order of their names. A folder that does not
// exist has none. The error names the files that could not be read; the others
// are listed.
func (f Folder) List() ([]File, error) {
	entries, err := os.ReadDir(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var files []File
	errs := []error{err}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), extension)
		if !ok || e.IsDir() {
			continue
		}
		file, err := f.Show(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		files = append(files, file)
	}
	return files, errors.Join(errs...)
}

// path returns the path of the file for a name.
func (f Folder) path(name string) (string, error) {
	if !goodName.MatchString(name) {
		return "", fmt.Errorf("%w: %.80q; a name has 1 to 63 letters, digits, dots, dashes and underscores, and begins with a letter or digit", ErrName, name)
	}
	return filepath.Join(f.Path, name+extension), nil
}

// read returns a file and its text.
func (f Folder) read(name string) (File, []byte, error) {
	path, err := f.path(name)
	if err != nil {
		return File{}, nil, err
	}
	in, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return File{}, nil, fmt.Errorf("no key %q in %s: %w", name, f.Path, fs.ErrNotExist)
	}
	if err != nil {
		return File{}, nil, err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, keyfile.MaxSize+1))
	if err != nil {
		return File{}, nil, err
	}
	key, err := keyfile.PublicKey(text)
	if err != nil {
		return File{}, nil, fmt.Errorf("%s: %w", path, err)
	}
	return File{Name: name, Key: key, Path: path}, text, nil
}

// checkMode rejects a file or folder with any of the mode bits that others may
// not have. Windows has no such bits.
func checkMode(path string, bits fs.FileMode) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&bits != 0 && runtime.GOOS != "windows" {
		want := mode &^ 0o077
		return fmt.Errorf("%s is %w: its mode is %04o; set it with: chmod %o %s", path, ErrMode, mode, want, path)
	}
	return nil
}

// writeNew writes a file that must not exist yet, and leaves none if it fails.
func writeNew(path string, text []byte) (err error) {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes sure that the name of a new file is on the disk.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
