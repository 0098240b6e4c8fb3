package simd

import (
	"bytes"
	"runtime/debug"
	"slices"
	"testing"
	"unsafe"

	"stele/engine/pow"
	"stele/kernels/internal/guardtest"
	"stele/kernels/internal/prep"
	"stele/kernels/simd/pure"
)

// A kernel may read and write no byte outside of what it is given: a fault
// would be a panic with an address.
func TestNoAccessOutside(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	header := randomHeader(newRand(15))
	const first, top = 1<<32 - 100, 1<<31 - 1
	candidates := candidatesOf(hashesOf(header, first, 20*group), top)
	eachKernel(t, func(t *testing.T, k *Kernel) {
		for _, atEnd := range []bool{false, true} {
			j := guardtest.Value[job](t, atEnd)
			*j = *prep.New(&header, top)
			for _, n := range []int{1, 2, 3, 8, 20} {
				place := guardtest.Values[uint64](t, n, atEnd)
				k.search(j, first, place)
				if !slices.Equal(place, candidates[:n]) {
					t.Errorf("%d words at the end of a page (%v): candidates differ", n, atEnd)
				}
			}
			for _, n := range []int{1, 2, 3, 5, MaxVersions} {
				checkVersionsGuarded(t, k, &header, n, atEnd)
			}
			for _, n := range []int{1, 3, 4, 7, 8, 16, 31, 32, 33, 64, 67, 200, 1025} {
				headers, hashes := guardtest.Values[byte](t, n*pow.HeaderSize, atEnd), guardtest.Values[[32]byte](t, n, atEnd)
				copy(headers, bytes.Repeat(header[:], n))
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
	place := guardtest.Values[job](t, n, atEnd)
	copy(place, *jobs)
	*jobs = place
	for _, groups := range []int{1, 2, 5} {
		want := make([]uint16, n*groups)
		pure.SearchVersions(versions, first, want)
		got := guardtest.Values[uint16](t, n*groups, atEnd)
		if k.searchVersions(versions, first, got); !slices.Equal(got, want) {
			t.Errorf("%d versions at the end of a page (%v): candidates differ", n, atEnd)
		}
	}
}
