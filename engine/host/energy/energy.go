package energy

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"stele/engine/host"
)

// Folder is where Linux has the counters.
const Folder = "/sys/class/powercap"

// Source names what a [Meter] reads, for people.
const Source = "RAPL package"

// Errors of this package.
var (
	// ErrAbsent means that the machine has no counter, or does not let this process
	// read it.
	ErrAbsent = errors.New("no energy counter")
	// ErrLost means that a counter could be read before and cannot any more.
	ErrLost = errors.New("energy counter lost")
)

// Meter sums the energy of all processor packages. Its methods are safe for
// concurrent use.
type Meter struct {
	mu    sync.Mutex
	zones []*zone
	total float64 // joules
	lost  error   // the first failed reading
}

// zone is the counter of one package.
type zone struct {
	file *os.File
	last uint64 // microjoules
	size uint64 // microjoules: the counter is below it, and then wraps around to 0
}

// Open opens the counters of this machine. Errors: [ErrAbsent] with the reason.
func Open() (*Meter, error) {
	if runtime.GOOS != "linux" {
		return nil, &absentError{reason: "RAPL is read on Linux only"}
	}
	return OpenFolder(Folder)
}

// OpenFolder opens the counters of a folder that is laid out like [Folder]. The files
// stay open, so a process that gives up the rights of root can read on. Errors:
// [ErrAbsent] with the reason.
func OpenFolder(folder string) (*Meter, error) {
	names, err := filepath.Glob(filepath.Join(folder, "intel-rapl:*")) // those of AMD too
	if err != nil {
		return nil, &absentError{err.Error(), err}
	}
	slices.Sort(names)
	m := &Meter{}
	for _, name := range names {
		if !isPackage(name) {
			continue
		}
		z, err := openZone(name)
		if err != nil {
			return nil, errors.Join(explain(err), m.Close())
		}
		m.zones = append(m.zones, z)
	}
	if len(m.zones) == 0 {
		return nil, &absentError{reason: whyNone(folder, len(names) > 0)}
	}
	return m, nil
}

// isPackage reports whether a zone is a processor package or a die of one, not a part
// of it (intel-rapl:0:0) nor the whole platform ("psys").
func isPackage(folder string) bool {
	if strings.Count(filepath.Base(folder), ":") != 1 {
		return false
	}
	name, err := os.ReadFile(filepath.Join(folder, "name"))
	return err == nil && strings.HasPrefix(string(name), "package-")
}

// openZone opens the counter of a package and reads it.
func openZone(folder string) (*zone, error) {
	name := filepath.Join(folder, "max_energy_range_uj")
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	largest, err := parseMicrojoules(string(text))
	if err != nil || largest == 0 || largest == math.MaxUint64 {
		return nil, fmt.Errorf("%s: invalid range %.40q", name, text)
	}
	file, err := os.Open(filepath.Join(folder, "energy_uj"))
	if err != nil {
		return nil, err
	}
	z := &zone{file: file, size: largest + 1}
	if z.last, err = z.read(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return z, nil
}

// read returns the value of the counter, in microjoules.
func (z *zone) read() (uint64, error) {
	var text [32]byte
	n, err := z.file.ReadAt(text[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	v, err := parseMicrojoules(string(text[:n]))
	if err != nil || v >= z.size {
		return 0, fmt.Errorf("%s: invalid reading %q: must be a number below %d", z.file.Name(), text[:n], z.size)
	}
	return v, nil
}

func parseMicrojoules(text string) (uint64, error) {
	return strconv.ParseUint(strings.TrimSpace(text), 10, 64)
}

// absentError is an [ErrAbsent] whose text is only the reason.
type absentError struct {
	reason string
	cause  error
}

func (e *absentError) Error() string   { return e.reason }
func (e *absentError) Unwrap() []error { return []error{ErrAbsent, e.cause} }

// explain returns the reason that a counter cannot be read, with what helps.
func explain(err error) error {
	var path *fs.PathError
	if errors.Is(err, fs.ErrPermission) && errors.As(err, &path) {
		return &absentError{path.Path + ": permission denied: run as root, or make the file readable (chmod)", err}
	}
	return &absentError{err.Error(), err}
}

// whyNone returns the reason that a folder has no counter of a package. HasZones is
// whether it has any zone.
func whyNone(folder string, hasZones bool) string {
	if v := host.ReadMachine().Hypervisor; v != "" {
		return "no RAPL: a virtual machine (" + v + ")"
	}
	if _, err := os.Stat(folder); err != nil {
		return "no RAPL: " + folder + " does not exist"
	}
	if hasZones {
		return "no RAPL: no zone in " + folder + " names a processor package; a container may hide it"
	}
	return "no RAPL: " + folder + " has no zones: load the kernel module intel_rapl_msr"
}

// Joules returns the energy of all packages since Open. It never decreases. Once a
// counter has failed it returns [ErrLost] with the reason, and the energy until then.
func (m *Meter) Joules() (float64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lost != nil {
		return m.total, m.lost
	}
	var grown uint64 // microjoules
	for _, z := range m.zones {
		now, err := z.read()
		if err != nil {
			m.lost = fmt.Errorf("%w: %w", ErrLost, err)
			return m.total, m.lost
		}
		grown += since(z.last, now, z.size)
		z.last = now
	}
	m.total += float64(grown) / 1e6
	return m.total, nil
}

// since returns how far a counter that wraps around at size has moved, at most once
// around.
func since(before, now, size uint64) uint64 {
	if now >= before {
		return now - before
	}
	return now + (size - before)
}

// Packages returns the number of packages.
func (m *Meter) Packages() int { return len(m.zones) }

// Close closes the counters. The meter then reports [ErrLost].
func (m *Meter) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var errs []error
	for _, z := range m.zones {
		errs = append(errs, z.file.Close())
	}
	m.lost = cmp.Or(m.lost, fmt.Errorf("%w: closed", ErrLost))
	return errors.Join(errs...)
}
