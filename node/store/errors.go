package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
)

// Kinds of errors. Errors of this package wrap one of these, and the cause where there
// is one.
var (
	// ErrNotFound means that there is no such entry.
	ErrNotFound = errors.New("not in the store")
	// ErrPruned means that the header is known, but the body or the undo data are
	// not stored: they were never received, or were pruned.
	ErrPruned = errors.New("body is not kept")
	// ErrNetwork means that the store belongs to another network.
	ErrNetwork = errors.New("store of another network")
	// ErrNewer means that a newer version of the program made the store.
	ErrNewer = errors.New("store of a newer version")
	// ErrLocked means that another process has the store open.
	ErrLocked = errors.New("store is in use")
	// ErrCorrupt means that stored data differ from what was written. The error is
	// a *[Damage].
	ErrCorrupt = errors.New("store is damaged")
	// ErrFull means that the disk has no space. Nothing was changed; the same
	// call succeeds when there is space.
	ErrFull = errors.New("disk is full")
	// ErrDisk means that the disk failed to write in another way.
	ErrDisk = errors.New("disk failed")
	// ErrReadOnly means that the store was opened for reading.
	ErrReadOnly = errors.New("store is open for reading only")
	// ErrClosed means that the store or the snapshot is closed.
	ErrClosed = errors.New("store is closed")
	// ErrMisuse means that a batch is inconsistent with the store: a bug of the
	// caller.
	ErrMisuse = errors.New("batch does not fit the store")
)

// NoHeight is the height of a Damage that belongs to no block.
const NoHeight = -1

// Damage says where stored data differ from what was written. As an error it is
// ErrCorrupt.
type Damage struct {
	Height int64  // of the block, or NoHeight
	Field  string // "header", "body", "undo", "state" ... or "file"
	File   string // path relative to the folder of the store, with slashes; "" if not known
	Detail string // what is wrong
}

// Error implements error.
func (d *Damage) Error() string {
	var b strings.Builder
	b.WriteString("store is damaged: " + d.Field)
	if d.Height != NoHeight {
		fmt.Fprintf(&b, " at height %d", d.Height)
	}
	if d.File != "" {
		fmt.Fprintf(&b, " in %s", d.File)
	}
	b.WriteString(": " + d.Detail)
	return b.String()
}

// Is makes a Damage an ErrCorrupt.
func (d *Damage) Is(target error) bool { return target == ErrCorrupt }

// damaged returns the Damage of a value whose file is not known.
func damaged(height int64, field, format string, args ...any) *Damage {
	return &Damage{Height: height, Field: field, Detail: fmt.Sprintf(format, args...)}
}

// diskError wraps an error of the file system in its kind.
func diskError(err error) error {
	switch {
	case err == nil, errors.Is(err, ErrCorrupt):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: free some space to continue: %w", ErrFull, err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: the folder must be writable: %w", ErrDisk, err)
	}
	return fmt.Errorf("%w: %w", ErrDisk, err)
}

// pebbleError wraps an error of Pebble in its kind.
func pebbleError(err error) error {
	var damage *Damage
	switch {
	case err == nil:
		return nil
	case errors.As(err, &damage): // of the guard
		return damage
	case errors.Is(err, fs.ErrNotExist):
		return &Damage{Height: NoHeight, Field: "file", Detail: "a file is missing: " + oneLine(err.Error())}
	case !pebble.IsCorruptionError(err) && errors.As(err, new(syscall.Errno)):
		return diskError(err)
	}
	return corruption(err)
}

// corruption returns an error of Pebble about its files as a Damage, which names the
// file where Pebble does.
func corruption(err error) *Damage {
	d := &Damage{Height: NoHeight, Field: "file", Detail: oneLine(err.Error())}
	if info := pebble.ExtractDataCorruptionInfo(err); info != nil {
		d.File, d.Detail = databaseFile(info.Path), oneLine(info.Details.Error())
	}
	return d
}

// databaseFile returns the name of a file of Pebble as in a Damage and in a seal.
func databaseFile(name string) string { return path.Join("db", filepath.Base(name)) }

// oneLine puts an error text of Pebble on one line. Pebble joins errors, some of them
// twice, with one that has no text and carries details.
func oneLine(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && line != "<corruption detail carrier>" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}
