//go:build linux && cuda && cgo

package cuda

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A program with this package asks for the C library only, and offers none of
// its driver functions to libraries that it loads.
func TestBinary(t *testing.T) {
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	libraries, err := f.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"libc", "libdl", "libpthread", "libresolv", "ld-linux-x86-64", "ld-linux-aarch64"}
	for _, library := range libraries {
		if base, _, _ := strings.Cut(library, ".so"); !slices.Contains(allowed, base) {
			t.Errorf("the program needs %s", library)
		}
	}

	dynamic, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(dynamic, func(s elf.Symbol) bool { return s.Name == "dlopen" }) {
		t.Error("the program does not import dlopen")
	}
	for _, s := range dynamic {
		if strings.HasPrefix(s.Name, "cu") || strings.HasPrefix(s.Name, "stele_") {
			t.Errorf("the program exports or imports %s", s.Name)
		}
	}
}

// The programs start on glibc 2.28 and newer, wherever they were built.
func TestOldestLibc(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-buildvcs=false", "-tags", "cuda", "-o", dir, "stele/cmd/stele", "stele/cmd/gpu-check")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	for _, name := range []string{"stele", "gpu-check"} {
		f, err := elf.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		needs, err := f.DynamicVersionNeeds()
		if err != nil {
			t.Fatal(err)
		}
		symbols, err := f.ImportedSymbols()
		if err != nil || len(needs) == 0 || len(symbols) == 0 {
			t.Fatalf("%s is not linked with glibc, or not dynamically: %v", name, err)
		}
		for _, need := range needs {
			for _, version := range need.Needs {
				if newer(version.Dep, 2, 28) {
					t.Errorf("%s needs %s of %s", name, version.Dep, need.Name)
				}
			}
		}
		for _, s := range symbols {
			if newer(s.Version, 2, 28) {
				t.Errorf("%s: %s is of %s; add it to glibc.c", name, s.Name, s.Version)
			}
		}
		// Before glibc 2.34 these are not in libc.so.6.
		libraries, err := f.ImportedLibraries()
		if err != nil {
			t.Fatal(err)
		}
		for _, library := range []string{"libpthread.so.0", "libdl.so.2", "libresolv.so.2"} {
			if !slices.Contains(libraries, library) {
				t.Errorf("%s does not load %s", name, library)
			}
		}
	}
}

// newer reports whether a symbol version is that of a glibc newer than this one,
// or none that glibc 2.28 can have.
func newer(version string, major, minor int) bool {
	number, ok := strings.CutPrefix(version, "GLIBC_")
	if !ok {
		return version != ""
	}
	var a, b int
	if n, _ := fmt.Sscanf(number, "%d.%d", &a, &b); n != 2 {
		return true // GLIBC_PRIVATE, GLIBC_ABI_DT_RELR
	}
	return a > major || a == major && b > minor
}

func TestNewer(t *testing.T) {
	for version, want := range map[string]bool{
		"": false, "GLIBC_2.2.5": false, "GLIBC_2.28": false, "GLIBC_2.29": true, "GLIBC_2.34": true,
		"GLIBC_3.0": true, "GLIBC_PRIVATE": true, "GLIBC_ABI_DT_RELR": true, "GCC_3.0": true,
	} {
		if newer(version, 2, 28) != want {
			t.Errorf("%q: want %t", version, want)
		}
	}
}
