//go:build linux && cuda && cgo

package cuda

import (
	"debug/elf"
	"os"
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
