//go:build linux && cuda && cgo

package cuda

import (
	"cmp"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/cu"
)

// build compiles C source to a shared library.
func build(t *testing.T, source string, flags ...string) string {
	t.Helper()
	library := filepath.Join(t.TempDir(), "libcuda.so.1")
	cc := strings.Fields(cmp.Or(os.Getenv("CC"), "gcc"))
	args := append(cc[1:], "-shared", "-fPIC", "-O1", "-Iinclude", "-o", library, source)
	args = append(args, flags...)
	if out, err := exec.Command(cc[0], args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", cc[0], args, err, out)
	}
	return library
}

// use compiles testdata/driver.c with these flags and makes it the driver of the
// test.
func use(t *testing.T, flags ...string) Status {
	t.Helper()
	return useLibrary(t, build(t, "testdata/driver.c", flags...))
}

func useLibrary(t *testing.T, library string) Status {
	t.Helper()
	t.Setenv(LibraryVariable, library)
	s := load()
	probe = func() Status { return s }
	return s
}

func TestNoDriver(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("this is no library\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty.c")
	if err := os.WriteFile(empty, []byte("int nothing;\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, library string
		loaded        bool
		kind          error
		words         []string // of the reason
	}{
		{"absent", filepath.Join(dir, "absent.so"), false, ErrNoDriver, []string{LibraryVariable, "absent.so", "unset it"}},
		{"text", text, false, ErrNoDriver, []string{LibraryVariable, "text"}},
		{"foreign library", build(t, empty), true, ErrNoDriver, []string{"not a CUDA driver library", "cuInit"}},
		{"no device", build(t, "testdata/driver.c", "-DINIT=100"), true, ErrNoDevice, []string{"cuInit: CUDA_ERROR_NO_DEVICE (100)", "nvidia-smi"}},
		{"stub library", build(t, "testdata/driver.c", "-DINIT=34"), true, ErrNoDriver, []string{"CUDA_ERROR_STUB_LIBRARY", "LD_LIBRARY_PATH"}},
		{"unknown code", build(t, "testdata/driver.c", "-DINIT=1234"), true, nil, []string{"CUDA_ERROR_OF_TOMORROW (1234)"}},
		{"too old", build(t, "testdata/driver.c", "-DVERSION=10020"), true, ErrDriverTooOld, []string{"CUDA 10.2", "11.0", "R450"}},
		{"a function is missing", build(t, "testdata/driver.c", "-DWITHOUT_cuMemHostAlloc"), true, ErrDriverTooOld, []string{"lacks cuMemHostAlloc;"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := useLibrary(t, c.library)
			if s.Usable() || s.Loaded != c.loaded || s.Library != c.library {
				t.Errorf("status %+v", s)
			}
			for _, w := range c.words {
				if !strings.Contains(s.Reason, w) {
					t.Errorf("the reason lacks %q: %s", w, s.Reason)
				}
			}
			if strings.Contains(s.Reason, "\n") {
				t.Errorf("the reason has several lines: %s", s.Reason)
			}
			for call, f := range map[string]func() error{
				"Devices": func() error { _, err := Devices(); return err },
				"Open":    func() error { _, err := Device{}.Open(); return err },
				"Reset":   Device{}.Reset,
			} {
				if err := f(); err == nil || c.kind != nil && !errors.Is(err, c.kind) {
					t.Errorf("%s: %v, want %v", call, err, c.kind)
				}
			}
		})
	}
}

// Every function returns an error without a driver.
func TestUnboundFunctions(t *testing.T) {
	useLibrary(t, filepath.Join(t.TempDir(), "absent.so"))
	if n, err := cu.NumDevices(); n != 0 || err != nil {
		t.Errorf("NumDevices without a driver: %d, %v", n, err)
	}
	if _, err := cu.MemAlloc(1); err != cu.NotInitialized {
		t.Errorf("MemAlloc without a driver: %v, want %v", err, cu.NotInitialized)
	}
	if _, err := cu.MakeGraph(); err != cu.NotInitialized {
		t.Errorf("MakeGraph without a driver: %v, want %v", err, cu.NotInitialized)
	}
	s := use(t)
	if !slices.Contains(s.Missing, "cuGraphCreate") || slices.Contains(s.Missing, "cuMemAlloc_v2") {
		t.Errorf("missing: %q", s.Missing)
	}
	if _, err := cu.MakeGraph(); err != cu.NotFound {
		t.Errorf("MakeGraph without the function: %v, want %v", err, cu.NotFound)
	}
}

// Without the variable the library is libcuda.so.1, and that only.
func TestDefaultLibrary(t *testing.T) {
	t.Setenv(LibraryVariable, "")
	if s := load(); s.Library != "libcuda.so.1" {
		t.Errorf("library %q", s.Library)
	}
	if order := os.Getenv("CUDA_DEVICE_ORDER"); order != "PCI_BUS_ID" {
		t.Errorf("CUDA_DEVICE_ORDER is %q", order)
	}
}

func TestDeviceOrderOfTheUser(t *testing.T) {
	t.Setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST")
	use(t)
	if order := os.Getenv("CUDA_DEVICE_ORDER"); order != "FASTEST_FIRST" {
		t.Errorf("CUDA_DEVICE_ORDER is %q", order)
	}
}

func TestDevices(t *testing.T) {
	s := use(t)
	if !s.Usable() || !s.Loaded || s.InitCode != 0 || s.DriverVersion != 12040 {
		t.Fatalf("status %+v", s)
	}
	got, err := Devices()
	if err != nil {
		t.Fatal(err)
	}
	common := Device{Major: 9, SMs: 132, ThreadsPerSM: 2048, RegistersPerSM: 65536, ThreadsPerBlock: 1024}
	first, second := common, common
	first.Index, first.Ordinal, first.Name, first.PCI = 0, 1, "Paper GPU 1", "0000:17:01.0"
	first.UUID, first.Memory, first.Display = "GPU-20212223-2425-2627-2829-2a2b2c2d2e2f", 16<<30, true
	second.Index, second.Ordinal, second.Name, second.PCI = 1, 0, "Paper GPU 0", "0000:65:00.0"
	second.UUID, second.Memory = "GPU-10111213-1415-1617-1819-1a1b1c1d1e1f", 8<<30
	if want := []Device{first, second}; !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if _, err := (Device{Ordinal: 7}).Open(); !errors.Is(err, ErrInvalidDevice) {
		t.Errorf("a device that does not exist: %v", err)
	}
}

// PCI domains have up to 32 bits: as text 10000 is before 2000.
func TestDeviceOrder(t *testing.T) {
	use(t, "-DDOMAIN=0x10000", "-DDOMAIN1=0x2000")
	got, err := Devices()
	if err != nil {
		t.Fatal(err)
	}
	if got[0].PCI != "2000:17:01.0" || got[1].PCI != "10000:65:00.0" || got[0].Index != 0 || got[1].Index != 1 {
		t.Errorf("%+v", got)
	}
}

// A MIG slice has its own UUID, if the driver supports it.
func TestMIG(t *testing.T) {
	use(t, "-DMIG")
	got, err := Devices()
	if err != nil {
		t.Fatal(err)
	}
	if d := got[0]; d.UUID != "MIG-ff212223-2425-2627-2829-2a2b2c2d2e2f" || d.Parent != "GPU-20212223-2425-2627-2829-2a2b2c2d2e2f" {
		t.Errorf("%+v", d)
	}
}

// system makes a folder the file system of the test, with these empty files.
func system(t *testing.T, files ...string) string {
	t.Helper()
	old := root
	t.Cleanup(func() { root = old })
	root = t.TempDir()
	for _, name := range files {
		put(t, name, "")
	}
	return root
}

func put(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Without nvidia_uvm cuInit fails with 999, and the kernel logs that. It is not
// called, unless it can load the module by nvidia-modprobe.
func TestNoUVM(t *testing.T) {
	for _, c := range []struct {
		name    string
		files   []string
		init    string
		started bool
		reason  string // "": the driver can be used
	}{
		{"none", []string{"dev/nvidiactl", "dev/nvidia0"}, "-DINIT=999", false, "the driver is not started without /dev/nvidia-uvm; "},
		{"none, and the driver would not mind", []string{"dev/nvidiactl"}, "-DINIT=0", false, "the driver is not started without /dev/nvidia-uvm; "},
		{"modprobe fails", []string{"dev/nvidiactl", "usr/bin/nvidia-modprobe"}, "-DINIT=999", true, "cuInit: CUDA_ERROR_UNKNOWN (999): there is no /dev/nvidia-uvm; "},
		{"modprobe works", []string{"dev/nvidiactl", "usr/bin/nvidia-modprobe"}, "-DINIT=0", true, ""},
		{"there", []string{"dev/nvidiactl", "dev/nvidia-uvm"}, "-DINIT=0", true, ""},
		{"another fault", []string{"dev/nvidiactl", "dev/nvidia-uvm"}, "-DINIT=999", true, "cuInit: CUDA_ERROR_UNKNOWN (999)"},
		{"no driver of this kind", nil, "-DINIT=0", true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			system(t, c.files...)
			s := use(t, c.init)
			if s.Started() != c.started || s.Usable() != (c.reason == "") || !strings.HasPrefix(s.Reason, c.reason) {
				t.Errorf("%+v", s)
			}
			if strings.HasSuffix(c.reason, "; ") && !strings.Contains(s.Reason, "modprobe nvidia_uvm") {
				t.Errorf("no fix: %s", s.Reason)
			}
			if _, err := Devices(); c.reason != "" && !strings.Contains(err.Error(), s.Reason) || !c.started && !errors.Is(err, ErrNoDriver) {
				t.Errorf("%v", err)
			}
		})
	}
}

// On WSL the driver is that of Windows.
func TestWSL(t *testing.T) {
	dir := system(t)
	put(t, "proc/sys/kernel/osrelease", "5.15.167.4-microsoft-standard-WSL2\n")
	t.Setenv(LibraryVariable, "")
	if s := load(); !strings.HasSuffix(s.Reason, FixWSL) {
		t.Errorf("no library: %+v", s)
	}
	library := filepath.Join(dir, "usr/lib/wsl/lib/libcuda.so.1")
	for _, init := range []string{"-DINIT=0", "-DINIT=100"} {
		text, err := os.ReadFile(build(t, "testdata/driver.c", init))
		if err != nil {
			t.Fatal(err)
		}
		put(t, "usr/lib/wsl/lib/libcuda.so.1", string(text))
		s := load()
		if !s.Loaded || s.Library != library || s.Usable() != (init == "-DINIT=0") {
			t.Errorf("%s: %+v", init, s)
		}
		if !s.Usable() && s.Reason != "cuInit: CUDA_ERROR_NO_DEVICE (100): no GPU can be used on WSL; "+FixWSL {
			t.Errorf("%s: %s", init, s.Reason)
		}
		if err := os.Remove(library); err != nil {
			t.Fatal(err)
		}
	}
	put(t, "usr/lib/wsl/lib/libcuda.so.1", "no library")
	if s := load(); s.Loaded || s.Library != "libcuda.so.1" {
		t.Errorf("a bad library: %+v", s)
	}
}
