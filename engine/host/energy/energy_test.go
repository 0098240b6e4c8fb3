package energy

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// fakeZone writes a zone of a tree like /sys/class/powercap.
func fakeZone(t testing.TB, root, zone, name string, microjoules, size uint64) string {
	t.Helper()
	folder := filepath.Join(root, zone)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		"name": name + "\n", "energy_uj": fmt.Sprintln(microjoules), "max_energy_range_uj": fmt.Sprintln(size - 1),
	} {
		if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(folder, "energy_uj")
}

// set changes a counter in place, as the kernel does: the file stays the same.
func set(t testing.TB, counter, text string) {
	t.Helper()
	f, err := os.OpenFile(counter, os.O_WRONLY|os.O_TRUNC, 0)
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// All packages count, also dies of one; parts of packages and the platform do not.
func TestPackages(t *testing.T) {
	root := t.TempDir()
	a := fakeZone(t, root, "intel-rapl:0", "package-0", 5_000_000, 1e9)
	b := fakeZone(t, root, "intel-rapl:1", "package-1-die-0", 999_999_000, 1e9)
	fakeZone(t, root, "intel-rapl:0:0", "core", 1, 1e9)
	fakeZone(t, root, "intel-rapl:2", "psys", 1, 1e9)
	fakeZone(t, root, "intel-rapl-mmio:0", "package-0", 5_000_000, 1e9)
	m, err := OpenFolder(root)
	if err != nil {
		t.Fatal(err)
	}
	if m.Packages() != 2 {
		t.Errorf("%d packages, want 2", m.Packages())
	}
	set(t, a, "6000000\n")
	set(t, b, "1000\n") // wrapped around
	if j, err := m.Joules(); err != nil || math.Abs(j-1.002) > 1e-9 {
		t.Errorf("%v J, %v; want 1.002", j, err)
	}
	if j, err := m.Joules(); err != nil || math.Abs(j-1.002) > 1e-9 {
		t.Errorf("read again: %v J, %v", j, err)
	}
	// A counter that vanishes stops the meter, and what it had counted stays.
	for _, text := range []string{"", "no number", "1000000000"} {
		set(t, a, text)
		if j, err := m.Joules(); !errors.Is(err, ErrLost) || math.Abs(j-1.002) > 1e-9 {
			t.Errorf("%q: %v J, %v", text, j, err)
		}
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if j, err := m.Joules(); !errors.Is(err, ErrLost) || math.Abs(j-1.002) > 1e-9 {
		t.Errorf("closed: %v J, %v", j, err)
	}
}

// The reason says which file, and what helps.
func TestAbsent(t *testing.T) {
	root := t.TempDir()
	if _, err := OpenFolder(root); !errors.Is(err, ErrAbsent) || !strings.HasPrefix(err.Error(), "no RAPL: ") {
		t.Errorf("no zones: %v", err)
	}
	counter := fakeZone(t, root, "intel-rapl:0", "package-0", 1, 1e9)
	for _, text := range []string{"", "-1", "no number", "1000000000", strings.Repeat("9", 40)} {
		set(t, counter, text)
		if _, err := OpenFolder(root); !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "energy_uj") {
			t.Errorf("counter %q: %v", text, err)
		}
	}
	set(t, counter, "1\n")
	for _, text := range []string{"", "0", "no number", "18446744073709551615"} {
		set(t, filepath.Join(filepath.Dir(counter), "max_energy_range_uj"), text)
		if _, err := OpenFolder(root); !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "max_energy_range_uj: invalid range") {
			t.Errorf("range %q: %v", text, err)
		}
	}
	err := explain(&os.PathError{Op: "open", Path: "/sys/class/powercap/intel-rapl:0/energy_uj", Err: os.ErrPermission})
	const want = "/sys/class/powercap/intel-rapl:0/energy_uj: permission denied: run as root, or make the file readable (chmod)"
	if !errors.Is(err, ErrAbsent) || err.Error() != want {
		t.Errorf("%v", err)
	}
}

// Over a minute in which the counters wrap around several times, a meter that is read at
// random moments agrees with the energy that was used.
func TestMinute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Uint64Range(10_000_000, 1<<40).Draw(t, "size")
		z := zone{size: size, last: rapid.Uint64Range(0, size-1).Draw(t, "begin")}
		counter, truth, metered := z.last, uint64(0), uint64(0)
		for truth < 20_000_000_000 { // a minute at 333 W
			used := rapid.Uint64Range(0, size-1).Draw(t, "used")
			truth += used
			counter = (counter + used) % size
			metered += since(z.last, counter, size)
			z.last = counter
			if used == 0 {
				break
			}
		}
		if metered != truth {
			t.Fatalf("metered %d uJ, used %d", metered, truth)
		}
	})
}

// A meter may be read by several goroutines: nothing counts twice.
func TestConcurrent(t *testing.T) {
	root := t.TempDir()
	counter := fakeZone(t, root, "intel-rapl:0", "package-0", 0, 1e9)
	m, err := OpenFolder(root)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	set(t, counter, "7000000\n")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if j, err := m.Joules(); err != nil || j != 7 {
					t.Errorf("%v J, %v", j, err)
				}
			}
		})
	}
	all.Wait()
}

// A straight line between readings is integrated exactly, whatever the moments.
func TestIntegral(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var i Integral
		begin, slope := rapid.Float64Range(0, 500).Draw(t, "begin"), rapid.Float64Range(0, 10).Draw(t, "slope")
		at := time.Duration(rapid.Int64Range(0, 1e12).Draw(t, "first"))
		first := at
		for range rapid.IntRange(1, 50).Draw(t, "readings") {
			i.Add(at, begin+slope*(at-first).Seconds())
			if rapid.Bool().Draw(t, "late") {
				i.Add(at, begin+slope*(at-first).Seconds()) // the same moment adds nothing
			}
			if at-first >= time.Minute {
				break
			}
			at += time.Duration(rapid.Int64Range(1, 2e9).Draw(t, "gap"))
		}
		last := (i.at - first).Seconds()
		if want := begin*last + slope*last*last/2; math.Abs(i.Joules()-want) > 1e-6*max(want, 1) {
			t.Fatalf("%v J, want %v", i.Joules(), want)
		}
	})
}

func BenchmarkJoules(b *testing.B) {
	root := b.TempDir()
	fakeZone(b, root, "intel-rapl:0", "package-0", 0, 1e9)
	m, err := OpenFolder(root)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	for b.Loop() {
		if _, err := m.Joules(); err != nil {
			b.Fatal(err)
		}
	}
}
