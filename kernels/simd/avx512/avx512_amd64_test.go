package avx512

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/klauspost/cpuid/v2"

	"stele/kernels/internal/prep"
	"stele/kernels/simd/pure"
)

func needAVX512(t *testing.T) {
	t.Helper()
	if !cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512VL) {
		t.Skip("no AVX-512 here")
	}
}

// randomHeader returns a header, and the top word of a target that some, half, all or
// none of the hashes meet.
func randomHeader(rng *rand.Rand) (header [80]byte, top uint32) {
	for i := range header {
		header[i] = byte(rng.Uint32())
	}
	return header, []uint32{1 << 28, 1 << 31, 1<<32 - 1, 0}[rng.IntN(4)]
}

// firsts are nonces to begin with, also where the range passes an edge.
func firsts(rng *rand.Rand) []uint32 {
	return []uint32{rng.Uint32(), 0, 1<<32 - 8, 1<<31 - 24}
}

// guard is a pattern around the candidates, which a search must not touch.
const guard = 0xa5a5

// The search finds what the plain form finds, writes no other word, and leaves none out:
// every word has a wrong value before.
func TestSearch(t *testing.T) {
	needAVX512(t)
	rng := rand.New(rand.NewPCG(1, 0))
	for _, n := range []int{0, 1, 2, 3, 9} {
		for _, first := range firsts(rng) {
			header, top := randomHeader(rng)
			job := prep.New(&header, top)
			want := make([]uint64, n)
			pure.Search(job, first, want)
			got := make([]uint64, n+2)
			for i := range want {
				got[1+i] = ^want[i]
			}
			got[0], got[n+1] = guard, guard
			Search(job, first, got[1:n+1])
			if !slices.Equal(got[1:n+1], want) || got[0] != guard || got[n+1] != guard {
				t.Fatalf("%d words from nonce %#x, top %#x:\n%x, want\n%x", n, first, top, got, want)
			}
		}
	}
}

// The search of versions finds what the plain form finds, for any number of versions: as
// many as are in flight, fewer, and more.
func TestSearchVersions(t *testing.T) {
	needAVX512(t)
	rng := rand.New(rand.NewPCG(2, 0))
	for _, n := range []int{1, 2, 3, 4, 5, 7, 16, 128} {
		for _, groups := range []int{0, 1, 2, 3, 5} {
			for _, first := range firsts(rng) {
				header, top := randomHeader(rng)
				versions := make([]uint32, n)
				for i := range versions {
					versions[i] = rng.Uint32()
				}
				job := prep.NewVersions(&header, versions, top)
				checkVersions(t, job, first, groups)
			}
		}
	}
}

// checkVersions compares the search with the plain form.
func checkVersions(t *testing.T, job *prep.VersionJob, first uint32, groups int) {
	t.Helper()
	n := groups * len(job.Jobs())
	want := make([]uint16, n)
	pure.SearchVersions(job, first, want)
	got := make([]uint16, n+2)
	for i := range want {
		got[1+i] = ^want[i]
	}
	got[0], got[n+1] = guard, guard
	SearchVersions(job, first, got[1:n+1])
	if !slices.Equal(got[1:n+1], want) || got[0] != guard || got[n+1] != guard {
		t.Fatalf("%d versions, %d groups from nonce %#x:\n%x, want\n%x", len(job.Jobs()), groups, first, got, want)
	}
}

// The genesis block of Bitcoin is found among other versions, and only there.
func TestSearchVersionsOfGenesis(t *testing.T) {
	needAVX512(t)
	const nonce = 2083236893
	header := genesis(t)
	versions := []uint32{4, 3, 1, 2}
	job := prep.NewVersions(&header, versions, 0)
	candidates := make([]uint16, 8*len(versions))
	SearchVersions(job, nonce-37, candidates)
	for i, mask := range candidates {
		want := uint16(0)
		if i == 2*len(versions)+2 { // the third group of nonces, the third version
			want = 1 << (37 % 16)
		}
		if mask != want {
			t.Errorf("group %d, version %d: %016b, want %016b", i/len(versions), versions[i%len(versions)], mask, want)
		}
	}
}

// genesis is the header of Bitcoin's first block, without its nonce.
func genesis(t *testing.T) (header [80]byte) {
	t.Helper()
	binary.LittleEndian.PutUint32(header[0:], 1)
	root := []byte{
		0x3b, 0xa3, 0xed, 0xfd, 0x7a, 0x7b, 0x12, 0xb2, 0x7a, 0xc7, 0x2c, 0x3e, 0x67, 0x76, 0x8f, 0x61,
		0x7f, 0xc8, 0x1b, 0xc3, 0x88, 0x8a, 0x51, 0x32, 0x3a, 0x9f, 0xb8, 0xaa, 0x4b, 0x1e, 0x5e, 0x4a,
	}
	copy(header[36:], root)
	binary.LittleEndian.PutUint32(header[68:], 1231006505)
	binary.LittleEndian.PutUint32(header[72:], 0x1d00ffff)
	return header
}
