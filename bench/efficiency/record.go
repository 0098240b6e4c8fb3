package efficiency

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// ErrBusy means that another sweep is running.
var ErrBusy = errors.New("another sweep is running")

// maxRecord bounds the file of a record.
const maxRecord = 1 << 20

// record is the file in which the limits are saved while a sweep changes them. It is
// locked while it is open, and empty if there is nothing to restore.
type record struct{ file *os.File }

// content is what the file holds.
type content struct {
	// Boot identifies the run of the operating system. Limits do not outlive it.
	Boot string  `json:"boot"`
	GPUs []Saved `json:"gpus"`
}

// openRecord opens the file and locks it. It follows no symbolic link: root would empty the
// file that the link names. Errors: [ErrBusy].
func openRecord(name string) (*record, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|openFlags, 0o600)
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%s: must be a regular file", name), err, file.Close())
	}
	if err := lock(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &record{file}, nil
}

// recoverSettings restores what an earlier sweep left, and returns a line for people about it;
// "" if there was nothing.
func (r *record) recoverSettings(control Control, boot string) (line string, err error) {
	text, err := io.ReadAll(io.LimitReader(io.NewSectionReader(r.file, 0, math.MaxInt64), maxRecord))
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return "", err
	}
	var old content
	switch err := json.Unmarshal(text, &old); {
	case err != nil:
		line = fmt.Sprintf("%s: an earlier sweep did not end, and its limits cannot be read: check the limits of the GPUs", r.file.Name())
	case old.Boot != boot:
		line = "an earlier sweep did not end; the limits of the GPUs were reset when the machine restarted"
	default:
		if err := restore(control, old.GPUs); err != nil {
			return "", fmt.Errorf("cannot restore the limits that an earlier sweep left: %w", err)
		}
		line = "an earlier sweep did not end; restored " + list(old.GPUs)
	}
	return line, r.clear()
}

func list(all []Saved) string {
	var words []string
	for _, s := range all {
		words = append(words, s.String())
	}
	return strings.Join(words, ", ")
}

// keep writes what must be restored, to the disk.
func (r *record) keep(c content) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if _, err := r.file.WriteAt(append(text, '\n'), 0); err != nil {
		return err
	}
	return r.file.Sync()
}

// clear notes that there is nothing to restore.
func (r *record) clear() error {
	if err := r.file.Truncate(0); err != nil {
		return err
	}
	return r.file.Sync()
}

func (r *record) close() error { return r.file.Close() }

// bootID identifies the run of the operating system; "" if that is not known.
func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
