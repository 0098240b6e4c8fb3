package simd

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

// sums are the hashes of headers by the standard library.
func sums(headers []byte) [][32]byte {
	var hashes [][32]byte
	for record := range slices.Chunk(headers, pow.HeaderSize) {
		hashes = append(hashes, standardSum(record))
	}
	return hashes
}

// asHashes is memory seen as hashes, at any alignment.
func asHashes(b []byte) [][32]byte {
	return unsafe.Slice((*[32]byte)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/len(pow.Hash{}))
}

const guardBytes, guardByte = 256, 0xa5

// checkHash lets the kernel hash headers to a place that is off bytes from any
// alignment, with guards around it, and compares with want.
func checkHash(k *Kernel, headers []byte, want [][32]byte, off int) error {
	const size = len(pow.Hash{})
	place := bytes.Repeat([]byte{guardByte}, guardBytes+off+len(want)*size+guardBytes)
	start, end := guardBytes+off, guardBytes+off+len(want)*size
	before := bytes.Clone(headers)
	got := asHashes(place[start:end:end])
	k.Hash(got, headers)
	for i := range got {
		if got[i] != want[i] {
			return fmt.Errorf("%d headers, hash %d is %x, want %x", len(want), i, got[i], want[i])
		}
	}
	for i, b := range place {
		if (i < start || i >= end) && b != guardByte {
			return fmt.Errorf("%d headers: wrote to byte %d of %d", len(want), i-start, len(want)*size)
		}
	}
	if !bytes.Equal(headers, before) {
		return fmt.Errorf("%d headers: the headers are changed", len(want))
	}
	return nil
}

// Every small number of headers, and those at which a kernel's chunks end.
func TestHashCounts(t *testing.T) {
	rng := newRand(10)
	headers := make([]byte, (MaxHeaders+33)*pow.HeaderSize)
	fill(rng, headers)
	want := sums(headers)
	counts := []int{MaxHeaders - 1, MaxHeaders, MaxHeaders + 1, MaxHeaders + 33}
	for n := range 201 {
		counts = append(counts, n)
	}
	for n := 256; n < MaxHeaders; n *= 2 {
		counts = append(counts, n-1, n, n+1, n+n/2)
	}
	eachKernel(t, func(t *testing.T, k *Kernel) {
		for i, n := range counts {
			start := i % 3
			if err := checkHash(k, headers[start*pow.HeaderSize:(start+n)*pow.HeaderSize], want[start:start+n], 0); err != nil {
				t.Error(err)
			}
		}
	})
}

// Headers and hashes may lie anywhere in memory.
func TestHashUnaligned(t *testing.T) {
	const n = 67
	buffer := make([]byte, 64+n*pow.HeaderSize)
	fill(newRand(11), buffer)
	eachKernel(t, func(t *testing.T, k *Kernel) {
		for off := range 64 {
			headers := buffer[off : off+n*pow.HeaderSize]
			if err := checkHash(k, headers, sums(headers), (off*5+3)%64); err != nil {
				t.Errorf("offset %d: %v", off, err)
			}
		}
	})
}

// Real headers, and each with one bit changed, all bits in turn. A rest that
// no width divides keeps the lanes moving from header to header.
func TestHashRealAndMutated(t *testing.T) {
	eachKernel(t, func(t *testing.T, k *Kernel) {
		for i, real := range realHeaders {
			header := realHeader(t, i).Encode()
			headers := slices.Clone(header[:])
			for bit := range 8 * pow.HeaderSize {
				mutated := header
				mutated[bit/8] ^= 1 << (bit % 8)
				headers = append(headers, mutated[:]...)
			}
			hashes := make([][32]byte, len(headers)/pow.HeaderSize)
			k.Hash(hashes, headers)
			if pow.Hash(hashes[0]).String() != real.hash {
				t.Errorf("block %d: hash %v, want %s", real.height, pow.Hash(hashes[0]), real.hash)
			}
			for bit, want := range sums(headers)[1:] {
				if hashes[1+bit] != want {
					t.Errorf("block %d with bit %d changed: hash %x, want %x", real.height, bit, hashes[1+bit], want)
				}
			}
		}
	})
}

// A header affects its own hash and no other, in every place of a batch.
func TestHashLanesAreIndependent(t *testing.T) {
	const n = 2*maxWidth + 3
	header := realHeader(t, 4).Encode()
	other := realHeader(t, 5).Encode()
	headers := bytes.Repeat(header[:], n)
	hashes := make([][32]byte, n)
	eachKernel(t, func(t *testing.T, k *Kernel) {
		for i := range n {
			batch := slices.Clone(headers)
			copy(batch[i*pow.HeaderSize:], other[:])
			k.Hash(hashes, batch)
			for j, h := range hashes {
				want := realHeaders[4].hash
				if j == i {
					want = realHeaders[5].hash
				}
				if pow.Hash(h).String() != want {
					t.Errorf("header %d is another: hash %d is %v, want %s", i, j, pow.Hash(h), want)
				}
			}
		}
	})
}

func TestHashLengthsDiffer(t *testing.T) {
	eachKernel(t, func(t *testing.T, k *Kernel) {
		for _, c := range []struct{ hashes, bytes int }{{1, 0}, {0, 80}, {1, 79}, {1, 81}, {2, 80}, {32, 31 * 80}, {32, 33 * 80}} {
			message := fmt.Sprintf("simd: %d bytes of headers for %d hashes", c.bytes, c.hashes)
			mustPanic(t, message, func() { k.Hash(make([][32]byte, c.hashes), make([]byte, c.bytes)) })
		}
		k.Hash(nil, nil)
	})
}

// hashAll compares all kernels with the reference.
func hashAll(t interface {
	Helper()
	Errorf(string, ...any)
}, kernels []*Kernel, headers []byte, off int) {
	t.Helper()
	want := make([][32]byte, len(headers)/pow.HeaderSize)
	for i := range want {
		want[i] = pow.Sum(headers[i*pow.HeaderSize : (i+1)*pow.HeaderSize])
	}
	for _, k := range kernels {
		if err := checkHash(k, headers, want, off); err != nil {
			t.Errorf("kernel %s: %v", k.name, err)
		}
	}
}

func TestHashProperty(t *testing.T) {
	kernels := presentKernels(t)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 70).Draw(t, "headers")
		off := rapid.IntRange(0, 63).Draw(t, "offset")
		buffer := make([]byte, off+n*pow.HeaderSize)
		fill(newRand(rapid.Uint64().Draw(t, "seed")), buffer)
		hashAll(t, kernels, buffer[off:], off)
	})
}

func FuzzHash(f *testing.F) {
	f.Add([]byte(nil), uint8(0))
	var chain []byte
	for i := range realHeaders {
		header := realHeader(f, i).Encode()
		chain = append(chain, header[:]...)
		f.Add(bytes.Clone(chain), uint8(i))
	}
	f.Fuzz(func(t *testing.T, raw []byte, off uint8) {
		hashAll(t, presentKernels(t), raw[:len(raw)/pow.HeaderSize*pow.HeaderSize], int(off))
	})
}

// One kernel and one job may serve several goroutines, whose stacks are as
// small as stacks begin.
func TestKernelsAreShared(t *testing.T) {
	const goroutines, turns = 4, 20
	header := randomHeader(newRand(12))
	target := targetBelow(t, 250)
	wantNonces := hits(hashesOf(header, 1<<32-1024, 2048), 1<<32-1024, target)
	headers := make([]byte, 300*pow.HeaderSize)
	fill(newRand(13), headers)
	wantHashes := sums(headers)
	eachKernel(t, func(t *testing.T, k *Kernel) {
		job := NewJob(&header, target.Bytes())
		var all sync.WaitGroup
		for range goroutines {
			all.Go(func() {
				hashes := make([][32]byte, len(wantHashes))
				for range turns {
					if got := k.Scan(job, 1<<32-1024, 2048, nil); !slices.Equal(got, wantNonces) {
						t.Errorf("found %v, want %v", got, wantNonces)
					}
					clear(hashes)
					if k.Hash(hashes, headers); !slices.Equal(hashes, wantHashes) {
						t.Error("hashes differ from the reference")
					}
				}
			})
		}
		all.Wait()
	})
}
