package alert

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"stele/internal/atomicfile"
	"stele/internal/text"
)

// version is the version of the file.
const version = 1

// maxFile is the longest file that is read, in bytes: that of as many alerts as a book
// keeps, each as long as it may be.
const maxFile = MaxAlerts * 16 << 10

// saved is the file of a book.
type saved struct {
	Version int     `json:"version"`
	Alerts  []Alert `json:"alerts"` // those that opened last first
}

// save writes the file if something has changed. The caller must hold b.rounds. If it
// fails, the next round tries again.
func (b *Book) save() {
	b.mu.Lock()
	if !b.machine.dirty {
		b.mu.Unlock()
		return
	}
	b.machine.dirty = false
	if b.o.File == "" {
		b.mu.Unlock()
		return
	}
	content, err := b.machine.encode()
	b.mu.Unlock()
	if err == nil {
		err = atomicfile.WriteFile(b.o.File, content, 0o600)
	}
	b.noteFailure("file", err)
	if err != nil {
		b.mu.Lock()
		b.machine.dirty = true
		b.mu.Unlock()
	}
}

// encode returns the file.
func (m *machine) encode() ([]byte, error) {
	file := saved{Version: version, Alerts: []Alert{}}
	for _, a := range m.list(States()) {
		file.Alerts = append(file.Alerts, *a)
	}
	return json.Marshal(file)
}

// load reads the file.
func (b *Book) load() {
	if b.o.File == "" {
		return
	}
	content, err := read(b.o.File)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var m *machine
	if err == nil {
		m, err = decode(content)
	}
	if err != nil {
		aside := b.o.File + ".damaged"
		b.log.Warn("alerts file not read, acknowledgements are lost", "err", err, "moved", aside)
		if err := os.Rename(b.o.File, aside); err != nil {
			b.log.Warn("alerts file not moved", "err", err)
		}
		return
	}
	b.machine = m
}

// read reads a file that is not too long.
func read(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("%s has %d bytes: it must be a file of at most %d", name, info.Size(), maxFile)
	}
	return os.ReadFile(name)
}

// decode reads what encode wrote.
func decode(content []byte) (*machine, error) {
	var file saved
	if err := json.Unmarshal(content, &file); err != nil {
		return nil, err
	}
	switch {
	case file.Version != version:
		return nil, fmt.Errorf("alerts file has version %d, expected %d", file.Version, version)
	case len(file.Alerts) > MaxAlerts:
		return nil, fmt.Errorf("alerts file has %d alerts, at most %d are kept", len(file.Alerts), MaxAlerts)
	}
	m := newMachine()
	for i, a := range file.Alerts {
		report := Report{Facts: []Fact{{Kind: a.Kind, Subject: a.Subject, Text: a.Text, Records: a.Records}}}
		report.bound()
		f := report.Facts[0]
		switch {
		case a.ID != IDOf(a.Kind, a.Subject) || m.alerts[a.ID] != nil || f.Subject != a.Subject || f.Text != a.Text || len(f.Records) != len(a.Records):
			return nil, fmt.Errorf("alert %d of the file is damaged", i)
		case !slices.Contains(Kinds(), a.Kind) || !slices.Contains(States(), a.State):
			return nil, fmt.Errorf("alert %d of the file has the kind %.40q and the state %.40q, which are not known", i, a.Kind, a.State)
		}
		a.By = text.Clean(a.By, MaxName)
		m.alerts[a.ID] = &a
	}
	return m, nil
}
