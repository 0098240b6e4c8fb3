package simd

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/kernels/internal/prep"
	"stele/kernels/simd/pure"
)

// lasting is a place in memory for the candidates of a search, with words
// before and after it that must last.
type lasting struct{ words []uint64 }

const guardWords, guardWord = 8, 0xa5c3_0ff0_5a3c_f00f

func newLasting(n int) lasting {
	l := lasting{make([]uint64, n+2*guardWords)}
	for i := range l.words {
		l.words[i] = guardWord // stale bits in the candidates, too
	}
	return l
}

func (l lasting) candidates() []uint64 { return l.words[guardWords : len(l.words)-guardWords] }

func (l lasting) check(t *testing.T) {
	t.Helper()
	for i, w := range l.words {
		if inside := i - guardWords; (inside < 0 || inside >= len(l.words)-2*guardWords) && w != guardWord {
			t.Errorf("the search wrote %#x to word %d of %d", w, inside, len(l.words)-2*guardWords)
		}
	}
}

// Every candidate bit of small ranges at all places where something wraps, for
// targets at and around the hashes themselves. The memory around the
// candidates stays as it was.
func TestSearchIsExact(t *testing.T) {
	const nonces = 10 * group
	type sample struct {
		header [pow.HeaderSize]byte
		first  uint32
		hashes [][32]byte
	}
	rng := newRand(1)
	var samples []sample
	for _, first := range []uint32{0, 1, 1<<31 - 100, 1 << 31, 1<<32 - 1, 1<<32 - 300, 1<<32 - nonces, 0x00ffff80, rng.Uint32()} {
		h := randomHeader(rng)
		samples = append(samples, sample{h, first, hashesOf(h, first, nonces)})
	}
	eachKernel(t, func(t *testing.T, k *Kernel) {
		for _, s := range samples {
			tops := []uint32{0, 1, 1 << 24, 1<<31 - 1, 1 << 31, math.MaxUint32 - 1, math.MaxUint32}
			for i := 0; i < nonces; i += 37 {
				top := topOf(s.hashes[i])
				tops = append(tops, top, top-1, top+1)
			}
			for _, top := range tops {
				want := candidatesOf(s.hashes, top)
				place := newLasting(len(want))
				k.search(prep.New(&s.header, top), s.first, place.candidates())
				if got := place.candidates(); !slices.Equal(got, want) {
					t.Fatalf("header %x from %d, top %#08x: candidates\n%#x, want\n%#x", s.header, s.first, top, got, want)
				}
				place.check(t)
			}
		}
	})
}

// As TestSearchIsExact, for every number of words from none on.
func TestSearchLengths(t *testing.T) {
	const longest, top = 40, 1<<31 - 1
	header, first := randomHeader(newRand(2)), uint32(1<<32-20*group)
	want := candidatesOf(hashesOf(header, first, longest*group), top)
	eachKernel(t, func(t *testing.T, k *Kernel) {
		for n := range longest + 1 {
			place := newLasting(n)
			k.search(prep.New(&header, top), first, place.candidates())
			if !slices.Equal(place.candidates(), want[:n]) {
				t.Errorf("%d words of candidates: %#x, want %#x", n, place.candidates(), want[:n])
			}
			place.check(t)
		}
		k.search(prep.New(&header, top), first, nil)
	})
}

// 2^14 nonces of one header, with thresholds that let all pass, half of them
// and ever fewer. The job does not change, and its place in memory does not
// matter.
func TestSearchExhaustive(t *testing.T) {
	const nonces = 1 << 14
	header, first := randomHeader(newRand(3)), uint32(1<<32-5000)
	hashes := hashesOf(header, first, nonces)
	eachKernel(t, func(t *testing.T, k *Kernel) {
		got := make([]uint64, nonces/group)
		for bits := 32; bits >= 16; bits -= 4 {
			jobs := make([]job, 4) // a job's size is no multiple of a vector's: all alignments
			for i := range jobs {
				jobs[i] = *prep.New(&header, uint32(1<<bits-1))
			}
			j := &jobs[bits/4%4]
			before := *j
			k.search(j, first, got)
			if want := candidatesOf(hashes, uint32(1<<bits-1)); !slices.Equal(got, want) {
				t.Errorf("%d bits: candidates differ from the reference", bits)
			}
			if *j != before {
				t.Errorf("%d bits: the search changed its job", bits)
			}
		}
	})
}

// Every count up to beyond two groups, from firsts around both ends of the
// nonce space and in its middle.
func TestScanBorders(t *testing.T) {
	const maxCount = 130
	firsts := []uint32{0, 1, 1<<31 - 65, 2083236893}
	for _, k := range []uint32{1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129} {
		firsts = append(firsts, -k)
	}
	header := randomHeader(newRand(4))
	all := map[uint32][][32]byte{}
	for _, first := range firsts {
		all[first] = hashesOf(header, first, maxCount)
	}
	half, few := targetBelow(t, 255), targetBelow(t, 252)
	eachKernel(t, func(t *testing.T, k *Kernel) {
		for i, first := range firsts {
			target := []pow.Target{half, few}[i%2]
			job := NewJob(&header, target.Bytes())
			for count := range maxCount + 1 {
				got := k.Scan(job, first, count, nil)
				if want := hits(all[first][:count], first, target); !slices.Equal(got, want) {
					t.Fatalf("%d nonces from %d, target %v: %v, want %v", count, first, target, got, want)
				}
			}
		}
	})
}

// The longest calls, across the end of the nonce space, with targets from
// "all pass" to the hash that is the smallest by chance.
func TestScanLongest(t *testing.T) {
	header, first := randomHeader(newRand(5)), uint32(1<<32-40000)
	hashes := hashesOf(header, first, MaxNonces)
	least := slices.MinFunc(hashes, func(a, b [32]byte) int { return targetOf(t, a, 0).Cmp(targetOf(t, b, 0)) })
	targets := []pow.Target{pow.MaxTarget, targetOf(t, least, 0), targetOf(t, least, -1)}
	for bits := uint(254); bits > 236; bits -= 6 {
		targets = append(targets, targetBelow(t, bits))
	}
	eachKernel(t, func(t *testing.T, k *Kernel) {
		for i, target := range targets {
			count := MaxNonces - i%3
			got := k.Scan(NewJob(&header, target.Bytes()), first, count, nil)
			if want := hits(hashes[:count], first, target); !slices.Equal(got, want) {
				t.Errorf("%d nonces, target %v: %d found, want %d", count, target, len(got), len(want))
			}
		}
	})
}

// Targets above that of difficulty 1, given as a difficulty below it.
func TestScanDifficultyBelowOne(t *testing.T) {
	const first, nonces = 1<<32 - 1000, 4096
	header := randomHeader(newRand(6))
	hashes := hashesOf(header, first, nonces)
	eachKernel(t, func(t *testing.T, k *Kernel) {
		for _, text := range []string{"1e-12", "2.4e-10", "4.66e-10", "1e-9", "2.5e-8", "1e-6", "0.00001"} {
			difficulty, err := pow.ParseDifficulty(text)
			if err != nil {
				t.Fatal(err)
			}
			target := difficulty.Target()
			want := hits(hashes, first, target)
			if got := k.Scan(NewJob(&header, target.Bytes()), first, nonces, nil); !slices.Equal(got, want) {
				t.Errorf("difficulty %s: %d nonces, want %d", text, len(got), len(want))
			}
		}
	})
}

// The comparison is of the whole hash: a target equal to it is met, one below
// is not, for every nonce and so for every lane.
func TestScanComparesWholeHash(t *testing.T) {
	const nonces = 2 * group
	header, first := randomHeader(newRand(7)), uint32(1<<32-group/2)
	hashes := hashesOf(header, first, nonces)
	eachKernel(t, func(t *testing.T, k *Kernel) {
		for i, h := range hashes {
			nonce := first + uint32(i)
			if got := k.Scan(NewJob(&header, targetOf(t, h, 0).Bytes()), first, nonces, nil); !slices.Contains(got, nonce) {
				t.Errorf("nonce %d with the target equal to its hash is not found", nonce)
			}
			if got := k.Scan(NewJob(&header, targetOf(t, h, -1).Bytes()), first, nonces, nil); slices.Contains(got, nonce) {
				t.Errorf("nonce %d with the target below its hash is found", nonce)
			}
		}
	})
}

// The nonces of real blocks, with their own targets, in every lane. The nonce
// that stands in the header does not matter.
func TestScanFindsRealBlocks(t *testing.T) {
	eachKernel(t, func(t *testing.T, k *Kernel) {
		for i, real := range realHeaders {
			h := realHeader(t, i)
			target, err := h.Bits.Target()
			if err != nil {
				t.Fatal(err)
			}
			header := h.Encode()
			pow.SetNonce(&header, ^h.Nonce)
			job := NewJob(&header, target.Bytes())
			for before := range uint32(2*group + 2) {
				if got := k.Scan(job, h.Nonce-before, 3*group, nil); !slices.Equal(got, []uint32{h.Nonce}) {
					t.Errorf("block %d, %d nonces ahead: found %v, want %d", real.height, before, got, h.Nonce)
				}
			}
			if got := k.Scan(job, h.Nonce-100, 100, nil); len(got) != 0 {
				t.Errorf("block %d, up to its nonce: found %v", real.height, got)
			}
			if got := k.Scan(job, h.Nonce+1, 100, nil); len(got) != 0 {
				t.Errorf("block %d, after its nonce: found %v", real.height, got)
			}
		}
	})
}

// Hits go behind what there is, which stays; the job keeps its own copy of the
// header.
func TestScanAppends(t *testing.T) {
	eachKernel(t, func(t *testing.T, k *Kernel) {
		header := randomHeader(newRand(8))
		target := targetBelow(t, 253)
		want := append([]uint32{7, 7}, hits(hashesOf(header, 5, 200), 5, target)...)
		job := NewJob(&header, target.Bytes())
		clear(header[:])
		if got := k.Scan(job, 5, 200, []uint32{7, 7}); !slices.Equal(got, want) {
			t.Errorf("found %v, want %v", got, want)
		}
		roomy := make([]uint32, 1, 1000)
		if got := k.Scan(job, 5, 200, roomy); &got[0] != &roomy[0] || !slices.Equal(got[1:], want[2:]) {
			t.Errorf("with room for all: found %v", got)
		}
		if got := k.Scan(job, 5, 0, nil); got != nil {
			t.Errorf("an empty range gave %v", got)
		}
	})
}

func TestScanCountOutOfRange(t *testing.T) {
	eachKernel(t, func(t *testing.T, k *Kernel) {
		job := NewJob(new([headerSize]byte), [32]byte{})
		for _, count := range []int{-1, MaxNonces + 1, math.MinInt, math.MaxInt} {
			message := fmt.Sprintf("simd: scan of %d nonces in one call, at most 65536 are allowed", count)
			mustPanic(t, message, func() { k.Scan(job, 0, count, nil) })
		}
	})
}

// The hot loops must make no garbage: to collect it, Go stops all threads, and
// each waits until the slowest has left assembly.
func TestHotLoopsDoNotAllocate(t *testing.T) {
	eachKernel(t, func(t *testing.T, k *Kernel) {
		job := NewJob(new([headerSize]byte), targetBelow(t, 254).Bytes())
		nonces := make([]uint32, 0, 256)
		if got := testing.AllocsPerRun(100, func() { k.Scan(job, 0, 256, nonces) }); got != 0 {
			t.Errorf("Scan allocates %v times", got)
		}
		hashes, headers := make([][32]byte, 64), make([]byte, 64*pow.HeaderSize)
		if got := testing.AllocsPerRun(100, func() { k.Hash(hashes, headers) }); got != 0 {
			t.Errorf("Hash allocates %v times", got)
		}
	})
}

// Candidate bits are those of the plain kernel for any job.
func TestSearchProperty(t *testing.T) {
	eachKernel(t, func(t *testing.T, k *Kernel) {
		rapid.Check(t, func(t *rapid.T) {
			header, first := anyHeader().Draw(t, "header"), anyNonce().Draw(t, "first")
			job := prep.New(&header, rapid.Uint32().Draw(t, "top"))
			n := rapid.IntRange(0, 3).Draw(t, "words")
			got, want := make([]uint64, n), make([]uint64, n)
			k.search(job, first, got)
			pure.Search(job, first, want)
			if !slices.Equal(got, want) {
				t.Fatalf("candidates %#x, want %#x", got, want)
			}
		})
	})
}

// sameAsReference compares a scan with pow.Search.
func sameAsReference(k *Kernel, header [pow.HeaderSize]byte, target pow.Target, first uint32, count int) error {
	var want []uint32
	pow.Search(&header, target, pow.Range{First: first, Count: uint64(count)}, func(nonce uint32) { want = append(want, nonce) })
	if got := k.Scan(NewJob(&header, target.Bytes()), first, count, nil); !slices.Equal(got, want) {
		return fmt.Errorf("kernel %s, header %x, target %v, %d nonces from %d: found %v, want %v", k.name, header, target, count, first, got, want)
	}
	return nil
}

func TestScanProperty(t *testing.T) {
	eachKernel(t, func(t *testing.T, k *Kernel) {
		rapid.Check(t, func(t *rapid.T) {
			header, target, first := anyHeader().Draw(t, "header"), anyTarget().Draw(t, "target"), anyNonce().Draw(t, "first")
			if err := sameAsReference(k, header, target, first, rapid.IntRange(0, 300).Draw(t, "count")); err != nil {
				t.Fatal(err)
			}
		})
	})
}

func FuzzScan(f *testing.F) {
	for i := range realHeaders {
		h := realHeader(f, i)
		header := h.Encode()
		f.Add(header[:], uint64(math.MaxUint64)>>i, h.Nonce, uint16(100*i))
	}
	f.Add([]byte(nil), uint64(0), uint32(math.MaxUint32), uint16(65))
	f.Fuzz(func(t *testing.T, raw []byte, limb uint64, first uint32, count uint16) {
		var header [pow.HeaderSize]byte
		copy(header[:], raw)
		for _, k := range presentKernels(t) {
			if err := sameAsReference(k, header, pow.Target{3: limb}, first, int(count%1024)); err != nil {
				t.Error(err)
			}
		}
	})
}

// A range longer than a call, across the end of the nonce space.
func TestScanRange(t *testing.T) {
	header := [pow.HeaderSize]byte{1, 2, 3}
	target := pow.ZeroBits(10)
	r := pow.Range{First: 1<<32 - MaxNonces - 3, Count: 2*MaxNonces + 7}
	var want []uint32
	pow.Search(&header, target, r, func(nonce uint32) { want = append(want, nonce) })
	best, err := Best()
	if err != nil {
		t.Fatal(err)
	}
	k := best.Search
	if got := k.ScanRange(NewJob(&header, target.Bytes()), r.First, r.Count); !slices.Equal(got, want) {
		t.Errorf("got %d nonces, want %d", len(got), len(want))
	}
	if got := k.ScanRange(NewJob(&header, target.Bytes()), 5, 0); got != nil {
		t.Errorf("an empty range has %d nonces", len(got))
	}
}
