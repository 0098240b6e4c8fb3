//go:build linux && cuda && cgo

package nvml

import (
	"cmp"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The library is loaded once in a process, so TestLibrary is a process of its
// own: this test binary with NVML_LIBRARY set.
func TestMain(m *testing.M) {
	if library := os.Getenv("NVML_LIBRARY"); library != "" {
		wslLibrary = library
	}
	os.Exit(m.Run())
}

// With a library where WSL2 has it the sensors are read, of a MIG slice those of
// its GPU.
func TestLibrary(t *testing.T) {
	if os.Getenv("NVML_LIBRARY") != "" {
		for _, uuid := range []string{"GPU-1", "MIG-1"} {
			r, err := Read(uuid)
			if err != nil || r.Temperature == nil || *r.Temperature != 61 || *r.Clock != 1755 || r.Power != nil {
				t.Errorf("%s: %+v, %v", uuid, r, err)
			}
		}
		if _, err := Read("MIG-2"); !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "MIG-2: Not Found") {
			t.Errorf("%v", err)
		}
		return
	}
	library := filepath.Join(t.TempDir(), "libnvidia-ml.so.1")
	cc := strings.Fields(cmp.Or(os.Getenv("CC"), "gcc"))
	args := append(cc[1:], "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", library, "testdata/nvml.c")
	if out, err := exec.Command(cc[0], args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestLibrary$")
	cmd.Env = append(os.Environ(), "NVML_LIBRARY="+library)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
