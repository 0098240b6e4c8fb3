// Package emulator builds an NVML library for tests, for one kind of GPU that draws
// 300 W, or less by its power limit or in proportion to its locked clock. Its name is libnvidia-ml.so.1, like that of the real library. A program
// loads it if its folder is in LD_LIBRARY_PATH when the program starts. It has the
// functions that stele/cgo/nvml uses.
//
// # Environment
//
//	STELE_EMU_NVML_THROTTLE   bits of the throttle reasons (0)
//	STELE_EMU_NVML_PROCESSES  processes on each GPU (1)
//	STELE_EMU_NVML_CLOCKS     clocks in MHz of successive readings, separated by
//	                          commas (1980)
//	STELE_EMU_NVML_STATE      file of the power limit in milliwatts (450000) and the
//	                          locked clock in MHz (0: none), which all programs share;
//	                          without it each program has its own
//	STELE_EMU_NVML_REFUSED    power limit in milliwatts that is refused
//	STELE_EMU_NVML_FAULTS     some of limit-not-permitted limit-not-supported
//	                          clock-not-permitted clock-not-supported no-energy no-power
//	STELE_EMU_NVML_ENERGY_READINGS
//	                          readings of the energy counter until it vanishes (0: never)
package emulator

import (
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

//go:embed src/nvml.c
var source []byte

// Build compiles the library and returns its folder. It needs gcc.
func Build(t testing.TB) string {
	t.Helper()
	folder := t.TempDir()
	file := filepath.Join(folder, "nvml.c")
	if err := os.WriteFile(file, source, 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o", filepath.Join(folder, "libnvidia-ml.so.1"), file}
	if text, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc %q: %v; these tests need a C compiler, install the package gcc\n%s", args, err, text)
	}
	return folder
}
