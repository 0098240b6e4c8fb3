package keyfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"stele/node/ledger/record"
)

// What can be wrong, besides [fs.ErrExist] and [fs.ErrNotExist].
var (
	// ErrName means that a name cannot be that of a key.
	ErrName = errors.New("bad name for a key")
	// ErrPassphrase means that the passphrase is empty or not the right one.
	ErrPassphrase = errors.New("wrong passphrase")
	// ErrFormat means that a file is no key file, or damaged.
	ErrFormat = errors.New("not a good key file")
	// ErrMode means that others than the owner can get at a file or folder.
	ErrMode = errors.New("open to others")
)

const (
	extension  = ".key"
	firstLine  = "stele key file, version 1"
	keyLabel   = "public key: "
	mostBytes  = 16 << 10 // of a key file; one has about 500
	seedSize   = 32
	fileMode   = 0o600
	folderMode = 0o700
)

// The base-2 logarithm of the number of scrypt's rounds. The default takes about
// a second and 256 MB.
const (
	DefaultWorkFactor = 18
	MinWorkFactor     = 10
	MaxWorkFactor     = 20
)

// goodName are the names that are safe in every file system.
var goodName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// Folder is where key files are.
type Folder struct {
	Path string
	// WorkFactor is how hard the passphrases of new files are to guess, from
	// MinWorkFactor to MaxWorkFactor; 0 means DefaultWorkFactor.
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

// New makes a key and a file for it.
func (f Folder) New(name, passphrase string) (File, error) {
	key, err := record.NewKey(nil)
	if err != nil {
		return File{}, err
	}
	return f.Save(name, passphrase, key)
}

// Save makes a file for a key, and the folder if it is not there. It never
// overwrites a file. Errors: [ErrName], [ErrPassphrase], [ErrMode],
// [fs.ErrExist], and those of the file system.
func (f Folder) Save(name, passphrase string, key record.PrivateKey) (File, error) {
	path, err := f.path(name)
	if err != nil {
		return File{}, err
	}
	text, err := f.seal(passphrase, key)
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

// Load returns the signing key of a file. Errors: [ErrName], [ErrPassphrase],
// [ErrFormat], [ErrMode], [fs.ErrNotExist], and those of the file system.
func (f Folder) Load(name, passphrase string) (record.PrivateKey, error) {
	file, sealed, err := f.read(name)
	if err != nil {
		return nil, err
	}
	if err := checkMode(file.Path, 0o077); err != nil {
		return nil, err
	}
	key, err := open(passphrase, sealed)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", name, err)
	}
	if record.PublicOf(key) != file.Key {
		return nil, fmt.Errorf("%s: %w: its secret belongs to another public key", file.Path, ErrFormat)
	}
	return key, nil
}

// Show returns what a file says without its passphrase.
func (f Folder) Show(name string) (File, error) {
	file, _, err := f.read(name)
	return file, err
}

// List returns all files by name. A folder that is not there has none. The
// error tells of files that could not be read; the others are listed.
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

// read returns a file and its encrypted part.
func (f Folder) read(name string) (File, []byte, error) {
	path, err := f.path(name)
	if err != nil {
		return File{}, nil, err
	}
	in, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return File{}, nil, fmt.Errorf("there is no key %s in %s (%w)", name, f.Path, fs.ErrNotExist)
	}
	if err != nil {
		return File{}, nil, err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, mostBytes+1))
	if err != nil {
		return File{}, nil, err
	}
	key, sealed, err := parse(text)
	if err != nil {
		return File{}, nil, fmt.Errorf("%s: %w", path, err)
	}
	return File{Name: name, Key: key, Path: path}, sealed, nil
}

// parse takes the text of a file apart.
func parse(text []byte) (key record.Key, sealed []byte, err error) {
	if len(text) > mostBytes {
		return key, nil, fmt.Errorf("%w: more than %d bytes", ErrFormat, mostBytes)
	}
	lines := bytes.SplitN(text, []byte("\n"), 3)
	if len(lines) < 3 || string(lines[0]) != firstLine {
		return key, nil, fmt.Errorf("%w: the first line is not %q", ErrFormat, firstLine)
	}
	public, ok := strings.CutPrefix(string(lines[1]), keyLabel)
	if !ok {
		return key, nil, fmt.Errorf("%w: the second line does not begin with %q", ErrFormat, keyLabel)
	}
	if key, err = record.ParseKey(public); err != nil {
		return key, nil, fmt.Errorf("%w: public %w", ErrFormat, err)
	}
	return key, lines[2], nil
}

// seal returns the text of a file.
func (f Folder) seal(passphrase string, key record.PrivateKey) ([]byte, error) {
	factor := f.WorkFactor
	if factor == 0 {
		factor = DefaultWorkFactor
	}
	if factor < MinWorkFactor || factor > MaxWorkFactor {
		return nil, fmt.Errorf("work factor %d, want %d to %d", factor, MinWorkFactor, MaxWorkFactor)
	}
	if passphrase == "" {
		return nil, fmt.Errorf("%w: it is empty", ErrPassphrase)
	}
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	recipient.SetWorkFactor(factor)

	var text bytes.Buffer
	fmt.Fprintf(&text, "%s\n%s%v\n", firstLine, keyLabel, record.PublicOf(key))
	armored := armor.NewWriter(&text)
	plain, err := age.Encrypt(armored, recipient)
	if err != nil {
		return nil, err
	}
	_, err = plain.Write(key.Seed())
	if err := errors.Join(err, plain.Close(), armored.Close()); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// open returns the key in the encrypted part of a file.
func open(passphrase string, sealed []byte) (record.PrivateKey, error) {
	if passphrase == "" {
		return nil, fmt.Errorf("%w: it is empty", ErrPassphrase)
	}
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, err
	}
	identity.SetMaxWorkFactor(MaxWorkFactor)
	plain, err := age.Decrypt(armor.NewReader(bytes.NewReader(sealed)), identity)
	switch {
	case errors.Is(err, age.ErrIncorrectIdentity):
		return nil, ErrPassphrase
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	seed, err := io.ReadAll(io.LimitReader(plain, seedSize+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if len(seed) != seedSize {
		return nil, fmt.Errorf("%w: the secret has not %d bytes", ErrFormat, seedSize)
	}
	return record.KeyFromSeed([seedSize]byte(seed)), nil
}

// checkMode refuses a file or folder with any of the bits that others may not
// have. Windows has no such bits.
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

// writeNew writes a file that must not be there yet, and leaves none if that
// fails.
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
