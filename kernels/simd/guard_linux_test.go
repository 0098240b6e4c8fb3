package simd

import (
	"bytes"
	"os"
	"runtime/debug"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"stele/engine/pow"
	"stele/kernels/internal/prep"
	"stele/kernels/simd/pure"
)

// guarded returns n bytes of memory that no access may leave: they end at a
// page that cannot be touched, or begin behind one.
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

// A kernel may read and write no byte outside of what it is given: a fault
// would be a panic with an address.
func TestNoAccessOutside(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	header := randomHeader(newRand(15))
	const first, top = 1<<32 - 100, 1<<31 - 1
	candidates := candidatesOf(hashesOf(header, first, 20*group), top)
	eachKernel(t, func(t *testing.T, k *Kernel) {
		for _, atEnd := range []bool{false, true} {
			j := (*job)(unsafe.Pointer(unsafe.SliceData(guarded(t, int(unsafe.Sizeof(job{})), atEnd))))
			*j = *prep.New(&header, top)
			for _, n := range []int{1, 2, 3, 8, 20} {
				place := unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(guarded(t, 8*n, atEnd)))), n)
				k.search(j, first, place)
				if !slices.Equal(place, candidates[:n]) {
					t.Errorf("%d words at the end of a page (%v): candidates differ", n, atEnd)
				}
			}
			for _, n := range []int{1, 2, 3, 5, MaxVersions} {
				checkVersionsGuarded(t, k, &header, n, atEnd)
			}
			for _, n := range []int{1, 3, 4, 7, 8, 16, 31, 32, 33, 64, 67, 200, 1025} {
				headers, place := guarded(t, n*pow.HeaderSize, atEnd), guarded(t, n*len(pow.Hash{}), atEnd)
				copy(headers, bytes.Repeat(header[:], n))
				hashes := asHashes(place)
				k.Hash(hashes, headers)
				if !slices.Equal(hashes, sums(headers)) {
					t.Errorf("%d headers at the end of a page (%v): hashes differ", n, atEnd)
				}
			}
		}
	})
}

// checkVersionsGuarded searches n versions, whose jobs and candidates no access may leave.
func checkVersionsGuarded(t *testing.T, k *Kernel, header *[pow.HeaderSize]byte, n int, atEnd bool) {
	t.Helper()
	const first = 1<<32 - 20
	versions := prep.NewVersions(header, anyVersions(newRand(uint64(n)), n), 1<<31)
	jobs := (*[]job)(unsafe.Pointer(versions)) // all that a prep.VersionJob has
	size := int(unsafe.Sizeof(job{}))
	place := unsafe.Slice((*job)(unsafe.Pointer(unsafe.SliceData(guarded(t, n*size, atEnd)))), n)
	copy(place, *jobs)
	*jobs = place
	for _, groups := range []int{1, 2, 5} {
		want := make([]uint16, n*groups)
		pure.SearchVersions(versions, first, want)
		got := unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(guarded(t, 2*n*groups, atEnd)))), n*groups)
		if k.searchVersions(versions, first, got); !slices.Equal(got, want) {
			t.Errorf("%d versions at the end of a page (%v): candidates differ", n, atEnd)
		}
	}
}
