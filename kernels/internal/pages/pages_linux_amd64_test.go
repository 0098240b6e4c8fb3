package pages

import (
	"bytes"
	"os"
	"runtime"
	"strings"
	"testing"
	"unsafe"
)

// All functions of the package, and none beyond the pages at both ends, are its code.
func TestCode(t *testing.T) {
	code := Code(Move)
	page := os.Getpagesize()
	if uintptr(unsafe.Pointer(&code[0]))%uintptr(page) != 0 || len(code)%page != 0 {
		t.Fatalf("%d bytes from %p are not whole pages", len(code), &code[0])
	}
	names := map[string]bool{}
	first, last := -1, 0
	for at := range code {
		pc := uintptr(unsafe.Pointer(&code[at]))
		if f := runtime.FuncForPC(pc); f != nil && packageOf(pc) == "stele/kernels/internal/pages" {
			names[f.Name()] = true
			if first < 0 {
				first = at
			}
			last = at
		}
	}
	for _, f := range []string{"Move", "Code", "packageOf", "TestCode", "TestMove"} {
		if !names["stele/kernels/internal/pages."+f] {
			t.Errorf("the code is without %s", f)
		}
	}
	if first >= page || last < len(code)-page {
		t.Errorf("the functions lie from %d to %d in %d bytes", first, last, len(code))
	}
}

func TestPackageOf(t *testing.T) {
	if got := packageOf(0); got != "" {
		t.Errorf("there is the package %q at address 0", got)
	}
	if got := packageOf(uintptr(unsafe.Pointer(t))); got != "" {
		t.Errorf("data is in package %q", got)
	}
}

// The code stays what it was, and runs while it moves.
func TestMove(t *testing.T) {
	code := Code(strings.Cut)
	before := bytes.Clone(code)
	for range 2 {
		if err := Move(strings.Cut); err != nil {
			t.Skip(err) // a system that allows no writes to code
		}
		if !bytes.Equal(code, before) {
			t.Fatal("the code has changed")
		}
		if x, _, ok := strings.Cut("a,b", ","); x != "a" || !ok {
			t.Fatal("a function is broken")
		}
	}
}
