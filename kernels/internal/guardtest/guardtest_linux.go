package guardtest

import (
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Values returns n zero values in memory of their own, until the test ends. They end where
// a page that cannot be touched begins if atEnd, and begin where one ends otherwise. T must
// have no pointers: the garbage collector does not see them there.
func Values[T any](t testing.TB, n int, atEnd bool) []T {
	t.Helper()
	page, size := os.Getpagesize(), n*int(unsafe.Sizeof(*new(T)))
	inner := (size + page - 1) / page * page
	b, err := unix.Mmap(-1, 0, inner+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(b); err != nil {
			t.Error(err)
		}
	})
	for _, closed := range [][]byte{b[:page], b[page+inner:]} {
		if err := unix.Mprotect(closed, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	at := page
	if atEnd {
		at += inner - size
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b[at])), n)
}

// Value returns one zero value, as [Values] does.
func Value[T any](t testing.TB, atEnd bool) *T {
	t.Helper()
	return &Values[T](t, 1, atEnd)[0]
}
