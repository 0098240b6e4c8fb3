package sha256d

import (
	"bytes"
	"os"
	"runtime/debug"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// guarded returns n bytes of memory that no access may leave: they end at a page that
// cannot be touched, or begin behind one.
func guarded(t *testing.T, n int, atEnd bool) []byte {
	t.Helper()
	page := os.Getpagesize()
	inner := (n + page - 1) / page * page
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
	if atEnd {
		return b[page+inner-n : page+inner : page+inner]
	}
	return b[page : page+n : page+n]
}

// guardedHashes is memory for n hashes that no access may leave.
func guardedHashes(t *testing.T, n int, atEnd bool) [][32]byte {
	return unsafe.Slice((*[32]byte)(unsafe.Pointer(unsafe.SliceData(guarded(t, 32*n, atEnd)))), n)
}

// A kernel may read and write no byte outside of what it is given: a fault would be a
// panic with an address.
func TestNoAccessOutside(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	text := randomBytes(7, 1200)
	nodes := randomHashes(8, 2*200)
	eachKernel(t, func(t *testing.T, k *Kernel) {
		for _, atEnd := range []bool{false, true} {
			for _, n := range []int{0, 1, 55, 56, 63, 64, 65, 127, 128, 200, 511, 512, 513, 1200} {
				m := guarded(t, n, atEnd)
				copy(m, text)
				messages := slices.Repeat([]Message{{m}, {m[:n/2], m[n/2:]}, {text[:30], m, text[:40]}}, 12)
				hashes := guardedHashes(t, len(messages), atEnd)
				k.Sum(hashes, messages)
				if !slices.Equal(hashes, doubleSums(messages)) {
					t.Errorf("%d bytes at the end of a page (%v): hashes differ", n, atEnd)
				}
				if !bytes.Equal(m, text[:n]) {
					t.Errorf("%d bytes at the end of a page (%v): the message has changed", n, atEnd)
				}
			}
			for _, n := range []int{1, 3, 4, 7, 8, 16, 31, 32, 33, 64, 67, 200} {
				from, to := guardedHashes(t, 2*n, atEnd), guardedHashes(t, n, atEnd)
				copy(from, nodes)
				k.Pairs(to, from)
				if !slices.Equal(to, doublePairs(nodes[:2*n])) {
					t.Errorf("%d parents at the end of a page (%v) differ", n, atEnd)
				}
			}
		}
	})
}
