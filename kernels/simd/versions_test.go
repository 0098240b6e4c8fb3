package simd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/kernels/internal/prep"
	"stele/kernels/simd/pure"
)

// sharing is a kernel whose loop for versions is the plain one, but for what spoil does.
func sharing(name string, spoil func(masks []uint16)) *Kernel {
	return &Kernel{name: name, width: 1, search: pure.Search, hash: pure.Hash, versions: func(j *prep.VersionJob, first uint32, masks []uint16) {
		pure.SearchVersions(j, first, masks)
		spoil(masks)
	}}
}

func anyVersions(rng *rand.Rand, n int) []uint32 {
	versions := make([]uint32, n)
	for i := range versions {
		versions[i] = rng.Uint32()
	}
	return versions
}

// versionHits are the hits of a search of versions by the standard library.
func versionHits(header [pow.HeaderSize]byte, versions []uint32, first uint32, count int, target pow.Target) (want []VersionHit) {
	for i := range count {
		for v, version := range versions {
			nonce := first + uint32(i)
			binary.LittleEndian.PutUint32(header[:], version)
			pow.SetNonce(&header, nonce)
			if target.MetBy(standardSum(header[:])) {
				want = append(want, VersionHit{nonce, uint32(v)})
			}
		}
	}
	return want
}

// Kernels with a loop for versions must use it, and it must be their own.
func TestVersionsAreShared(t *testing.T) {
	shared := map[string]bool{"avx512": true}
	eachKernel(t, func(t *testing.T, k *Kernel) {
		if k.SharesVersions() != shared[k.name] {
			t.Fatalf("the kernel shares work among versions: %v, want %v", k.SharesVersions(), shared[k.name])
		}
		counting, masks := *k, 0
		if k.SharesVersions() {
			symbol := runtime.FuncForPC(reflect.ValueOf(k.versions).Pointer()).Name()
			if !strings.Contains(symbol, "/simd/"+k.name+".") {
				t.Errorf("its search of versions is %s, of another kernel", symbol)
			}
			counting.versions = func(j *prep.VersionJob, first uint32, c []uint16) {
				masks += len(c)
				k.versions(j, first, c)
			}
			counting.search = func(*job, uint32, []uint64) { t.Error("single versions are searched") }
		} else {
			counting.search = func(j *job, first uint32, c []uint64) {
				masks++
				k.search(j, first, c)
			}
		}
		header, versions := randomHeader(newRand(30)), []uint32{1, 2, 3}
		got := counting.ScanVersions(NewVersionJob(&header, versions, pow.MaxTarget.Bytes()), 5, 17, nil)
		if len(got) != 3*17 {
			t.Errorf("%d hits, want %d", len(got), 3*17)
		}
		if want := map[bool]int{true: 2 * 3, false: 3}[k.SharesVersions()]; masks != want {
			t.Errorf("%d masks or searches, want %d", masks, want)
		}
	})
}

// Every candidate bit for few and many versions, at both ends of the nonce space, for
// targets at and around the hashes. The memory around the candidates stays as it was.
func TestSearchVersionsIsExact(t *testing.T) {
	rng := newRand(31)
	for _, n := range []int{1, 2, 3, 4, 5, 16, 17, 127, MaxVersions} {
		groups := 2 + 40/n
		header, versions, first := randomHeader(rng), anyVersions(rng, n), uint32(1<<32-nonceGroup*groups/2-3)
		all := make([]uint16, n*groups)
		pure.SearchVersions(prep.NewVersions(&header, versions, 1<<31), first, all)
		one := versionHits(header, versions[:1], first, 1, pow.MaxTarget)
		if len(one) != 1 {
			t.Fatal("the largest target is missed")
		}
		trial := header
		binary.LittleEndian.PutUint32(trial[:], versions[n-1])
		last := topOf(hashesOf(trial, first+uint32(nonceGroup*groups-1), 1)[0])
		eachKernel(t, func(t *testing.T, k *Kernel) {
			for _, top := range []uint32{0, 1 << 28, 1 << 31, math.MaxUint32, last, last - 1} {
				j := prep.NewVersions(&header, versions, top)
				want, place := make([]uint16, n*groups), make([]uint16, n*groups+16)
				pure.SearchVersions(j, first, want)
				for i := range place {
					place[i] = 0xa5c3
				}
				k.searchVersions(j, first, place[8:8+n*groups])
				if !slices.Equal(place[8:8+n*groups], want) {
					t.Errorf("%d versions, top %#x: %#x, want %#x", n, top, place[8:8+n*groups], want)
				}
				for i, x := range place {
					if (i < 8 || i >= 8+n*groups) && x != 0xa5c3 {
						t.Errorf("%d versions: wrote to mask %d of %d", n, i-8, n*groups)
					}
				}
			}
		})
	}
}

// The genesis block of Bitcoin is found among other versions, and only there.
func TestScanVersionsOfGenesis(t *testing.T) {
	genesis := realHeader(t, 0)
	header, versions := genesis.Encode(), []uint32{4, 3, 1, 2}
	target, err := genesis.Bits.Target()
	if err != nil {
		t.Fatal(err)
	}
	job := NewVersionJob(&header, versions, target.Bytes())
	want := []VersionHit{{genesis.Nonce, 2}}
	eachKernel(t, func(t *testing.T, k *Kernel) {
		if got := k.ScanVersions(job, genesis.Nonce-37, 100, nil); !slices.Equal(got, want) {
			t.Errorf("hits %v, want %v", got, want)
		}
	})
}

// All hits, in order, for every count up to beyond three groups, with targets that from
// all to few hashes meet.
func TestScanVersionsBorders(t *testing.T) {
	header, versions, first := randomHeader(newRand(32)), anyVersions(newRand(33), 3), uint32(1<<32-20)
	for _, target := range []pow.Target{pow.MaxTarget, targetBelow(t, 255), targetBelow(t, 251)} {
		all := versionHits(header, versions, first, 50, target)
		job := NewVersionJob(&header, versions, target.Bytes())
		eachKernel(t, func(t *testing.T, k *Kernel) {
			for count := range 51 {
				want := slices.DeleteFunc(slices.Clone(all), func(h VersionHit) bool { return h.Nonce-first >= uint32(count) })
				if got := k.ScanVersions(job, first, count, nil); !slices.Equal(got, want) {
					t.Fatalf("%d nonces: %v, want %v", count, got, want)
				}
			}
		})
	}
}

// The longest calls, with all numbers of versions that matter to the buffers.
func TestScanVersionsLongest(t *testing.T) {
	header := randomHeader(newRand(34))
	for _, n := range []int{1, 3, 100, 127, MaxVersions} {
		versions, first, count := anyVersions(newRand(35), n), uint32(1<<32-100), MaxNonces/n
		target := targetBelow(t, 250)
		want := versionHits(header, versions, first, count, target)
		job := NewVersionJob(&header, versions, target.Bytes())
		eachKernel(t, func(t *testing.T, k *Kernel) {
			if got := k.ScanVersions(job, first, count, nil); !slices.Equal(got, want) {
				t.Errorf("%d versions, %d nonces: %d hits, want %d", n, count, len(got), len(want))
			}
		})
	}
}

// Hits go behind what there is; the job keeps copies of the header and the versions.
func TestScanVersionsAppends(t *testing.T) {
	header, versions := randomHeader(newRand(36)), []uint32{7, 8}
	target := targetBelow(t, 253)
	want := append([]VersionHit{{1, 1}}, versionHits(header, versions, 5, 100, target)...)
	job := NewVersionJob(&header, versions, target.Bytes())
	clear(header[:])
	clear(versions)
	eachKernel(t, func(t *testing.T, k *Kernel) {
		if got := k.ScanVersions(job, 5, 100, []VersionHit{{1, 1}}); !slices.Equal(got, want) {
			t.Errorf("found %v, want %v", got, want)
		}
		if got := k.ScanVersions(job, 5, 0, nil); got != nil {
			t.Errorf("an empty range gave %v", got)
		}
	})
}

func TestScanVersionsOutOfRange(t *testing.T) {
	for _, n := range []int{0, MaxVersions + 1} {
		mustPanic(t, fmt.Sprintf("simd: search of %d versions, 1 to 128 are allowed", n), func() {
			NewVersionJob(new([headerSize]byte), make([]uint32, n), [32]byte{})
		})
	}
	job := NewVersionJob(new([headerSize]byte), make([]uint32, 100), [32]byte{})
	for _, count := range []int{-1, 656, math.MinInt, math.MaxInt} {
		message := fmt.Sprintf("simd: scan of %d nonces with 100 versions in one call, at most 655 are allowed", count)
		mustPanic(t, message, func() { kernels[len(kernels)-1].ScanVersions(job, 0, count, nil) })
	}
}

func TestScanVersionsDoesNotAllocate(t *testing.T) {
	job := NewVersionJob(new([headerSize]byte), make([]uint32, 8), targetBelow(t, 254).Bytes())
	hits := make([]VersionHit, 0, 8*64)
	eachKernel(t, func(t *testing.T, k *Kernel) {
		if got := testing.AllocsPerRun(100, func() { k.ScanVersions(job, 0, 64, hits) }); got != 0 {
			t.Errorf("ScanVersions allocates %v times", got)
		}
	})
}

func TestScanVersionsProperty(t *testing.T) {
	eachKernel(t, func(t *testing.T, k *Kernel) {
		rapid.Check(t, func(t *rapid.T) {
			header, target, first := anyHeader().Draw(t, "header"), anyTarget().Draw(t, "target"), anyNonce().Draw(t, "first")
			versions := rapid.SliceOfN(rapid.Uint32(), 1, 6).Draw(t, "versions")
			count := rapid.IntRange(0, 40).Draw(t, "count")
			want := versionHits(header, versions, first, count, target)
			if got := k.ScanVersions(NewVersionJob(&header, versions, target.Bytes()), first, count, nil); !slices.Equal(got, want) {
				t.Fatalf("found %v, want %v", got, want)
			}
		})
	})
}

// A kernel with any wrong result of a search of versions is rejected.
func TestWrongVersionsAreRejected(t *testing.T) {
	if err := sharing("honest", func([]uint16) {}).knownAnswers(); err != nil {
		t.Fatal(err)
	}
	wrong := []*Kernel{
		sharing("finds nothing", func(m []uint16) { clear(m) }),
		sharing("finds all", func(m []uint16) {
			for i := range m {
				m[i] = 0xffff
			}
		}),
		sharing("leaves out the last mask", func(m []uint16) { m[len(m)-1] = 0 }),
		sharing("swaps two versions", func(m []uint16) {
			if len(m) > 1 {
				m[0], m[1] = m[1], m[0]
			}
		}),
		{name: "repeats the first version", width: 1, search: pure.Search, hash: pure.Hash, versions: func(j *prep.VersionJob, first uint32, m []uint16) {
			pure.SearchVersions(j, first, m)
			for i := range m {
				m[i] = m[i-i%len(j.Jobs())]
			}
		}},
		{name: "starts one nonce late", width: 1, search: pure.Search, hash: pure.Hash, versions: func(j *prep.VersionJob, first uint32, m []uint16) {
			pure.SearchVersions(j, first+1, m)
		}},
	}
	for lane := range nonceGroup {
		wrong = append(wrong, sharing(fmt.Sprintf("leaves out lane %d", lane), func(m []uint16) {
			for i := range m {
				m[i] &^= 1 << lane
			}
		}))
	}
	for version := 1; version < MaxVersions; version += 9 {
		wrong = append(wrong, sharing(fmt.Sprintf("leaves out version %d", version), func(m []uint16) {
			for i := range m {
				if len(m) >= MaxVersions && i%MaxVersions == version {
					m[i] = 0
				}
			}
		}))
	}
	for _, k := range wrong {
		if err := k.knownVersions(); !errors.Is(err, errWrong) {
			t.Errorf("the kernel that %s was not rejected: %v", k.name, err)
		}
	}
	if err := wrong[0].knownAnswers(); !errors.Is(err, errWrong) {
		t.Errorf("the kernel that %s was not rejected: %v", wrong[0].name, err)
	}
}
