package pages

import (
	"bytes"
	"encoding/binary"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
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

// Several calls at once do not disturb each other: the pages of two packages may overlap.
func TestMoveAtOnce(t *testing.T) {
	if err := Move(strings.Cut); err != nil {
		t.Skip(err)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 50 {
				if err := Move(strings.Cut); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

// Whatever fails, code is not left writable.
func TestMoveFails(t *testing.T) {
	code := Code(strings.Cut)
	if err := syscall.Mlock(code); err != nil { // so that pages cannot be given back
		t.Skip(err)
	}
	defer syscall.Munlock(code)
	if err := Move(strings.Cut); err == nil {
		t.Fatal("locked pages were given back")
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(maps)) {
		if _, rest, _ := strings.Cut(line, " "); strings.HasPrefix(rest, "rwx") {
			t.Errorf("writable code: %s", line)
		}
	}
}

// frames returns the numbers of the physical pages of code.
func frames(t *testing.T, code []byte) (numbers []uint64) {
	t.Helper()
	pagemap, err := os.Open("/proc/self/pagemap")
	if err != nil {
		t.Skip(err)
	}
	defer pagemap.Close()
	page := os.Getpagesize()
	for at := 0; at < len(code); at += page {
		_ = bytes.Clone(code[at : at+1]) // so that it is present
		entry := make([]byte, 8)
		if _, err := pagemap.ReadAt(entry, int64(uintptr(unsafe.Pointer(&code[at])))/int64(page)*8); err != nil {
			t.Skip(err)
		}
		number := binary.LittleEndian.Uint64(entry) & (1<<55 - 1)
		if number == 0 {
			t.Skip("only root sees the numbers of pages")
		}
		numbers = append(numbers, number)
	}
	return numbers
}

// Further calls move the code again: not always every page, since another thread may have
// taken one and given it back.
func TestMoveAgain(t *testing.T) {
	code := Code(strings.Cut)
	seen := map[uint64]bool{}
	for range 8 {
		if err := Move(strings.Cut); err != nil {
			t.Skip(err)
		}
		for _, number := range frames(t, code) {
			seen[number] = true
		}
	}
	if pages := len(code) / os.Getpagesize(); len(seen) < 3*pages {
		t.Errorf("%d pages were at %d places", pages, len(seen))
	}
}
