package avx512

import (
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"stele/kernels/internal/prep"
	"stele/kernels/simd/pure"
)

// guarded returns n values in memory that no access may leave: they end at a page that
// cannot be touched, or begin behind one.
func guarded[T any](t *testing.T, n int, atEnd bool) []T {
	t.Helper()
	page := os.Getpagesize()
	bytes := n * int(unsafe.Sizeof(*new(T)))
	inner := (bytes + page - 1) / page * page
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
		at += inner - bytes
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b[at])), n)
}

// The search of versions reads and writes no byte outside of the jobs and the candidates,
// although it goes through turns before the first item leaves and after the last one
// enters the pipeline: a fault would be a panic with an address.
func TestVersionsAccessNothingOutside(t *testing.T) {
	needAVX512(t)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	rng := rand.New(rand.NewPCG(3, 0))
	for _, atEnd := range []bool{false, true} {
		for _, n := range []int{1, 2, 3, 128} {
			header, top := randomHeader(rng)
			versions := make([]uint32, n)
			for i := range versions {
				versions[i] = rng.Uint32()
			}
			job := prep.NewVersions(&header, versions, top)
			jobs := guarded[prep.Job](t, n, atEnd)
			copy(jobs, job.Jobs())
			for _, groups := range []int{1, 2, 5} {
				candidates := guarded[uint16](t, n*groups, atEnd)
				searchVersions(&jobs[0], uint64(n), 7, &candidates[0], uint64(groups))
				want := make([]uint16, n*groups)
				pure.SearchVersions(job, 7, want)
				if !slices.Equal(candidates, want) {
					t.Errorf("%d versions, %d groups at the end of a page (%v): candidates differ", n, groups, atEnd)
				}
			}
		}
	}
}
