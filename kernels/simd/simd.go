// Package simd has the hot loops for CPUs: the nonce search over an 80-byte header, the
// same search over several versions of a header, and the double SHA-256 of many
// independent headers.
//
// A [Kernel] is one variant of these loops: pure Go, or assembly for one
// instruction set, in a folder of its own. All variants have the same signatures
// and return the same answers. [Best] benchmarks the variants that run on this
// CPU and returns the fastest. [Lookup] returns one by name. [Variants] lists all,
// with the reason why a variant is not available. The environment variable
// STELE_CPU selects or disables variants: "avx2" allows only that one,
// "shani,avx2" those two, "-hybrid" all but that one.
//
// The package knows bytes only. A header is its 80-byte encoding, a hash is 32
// bytes as SHA-256 returns them, and a target is 32 bytes in the same order: both
// are little-endian numbers, and a hash meets a target if it is at most the
// target.
//
// Caveats: a kernel that fails its known-answer test is never returned. Go cannot
// preempt assembly, so calls must be short: [MaxNonces] and [MaxHeaders] bound
// them to about a millisecond. The package needs no cgo.
package simd

import (
	"fmt"
	"math/bits"
	"sync"

	"stele/kernels/internal/prep"
)

const (
	// MaxNonces is the maximal number of nonces of one call of [Kernel.Scan].
	MaxNonces = 1 << 16
	// MaxHeaders is the recommended maximal number of headers of one call of
	// [Kernel.Hash]. More headers work, but block Go's scheduler for longer.
	MaxHeaders = 1 << 13

	group    = 64 // nonces per word of the candidate bitmap
	maxWidth = 32 // maximal width of a kernel
)

// Kernel is one variant of the hot loops. Safe for concurrent use.
type Kernel struct {
	name string
	need []feature // instruction sets that it requires

	// search sets bit i%64 of candidates[i/64] for each nonce first+i (mod 2^32)
	// whose hash has top 32 bits of at most those of the target, and clears the
	// other bits.
	search func(job *prep.Job, first uint32, candidates []uint64)

	// versions is the search of several versions of a header, see
	// pure.SearchVersions. It is nil if the kernel has none of its own.
	versions func(job *prep.VersionJob, first uint32, candidates []uint16)

	// hash writes the SHA-256d of each 80-byte record of headers to hashes. The
	// number of headers is a multiple of width.
	hash  func(hashes [][32]byte, headers []byte)
	width int
}

// Name returns the name of the kernel for [Lookup], STELE_CPU and the commands.
func (k *Kernel) Name() string { return k.name }

// Job is a header and target prepared for [Kernel.Scan]: the part of the work that
// does not depend on the nonce. Safe for concurrent use.
type Job struct {
	prep   *prep.Job
	header [headerSize]byte
	target [32]byte
}

// NewJob prepares the search for nonces with which the hash of header is at most
// target. header is an encoded header, whose own nonce is ignored. target is a
// little-endian number, like a hash.
func NewJob(header *[80]byte, target [32]byte) *Job {
	return &Job{prep.New(header, topOf(target)), *header, target}
}

// Scan tests count nonces from first on, where 0 follows 2^32-1. It appends every
// nonce with which the hash meets the target to nonces, in the order of the range,
// and returns the result. It panics if count is not 0 to [MaxNonces].
func (k *Kernel) Scan(job *Job, first uint32, count int, nonces []uint32) []uint32 {
	if count < 0 || count > MaxNonces {
		panic(fmt.Sprintf("simd: scan of %d nonces in one call, at most %d are allowed", count, MaxNonces))
	}
	bitmap := bitmaps.Get().(*[MaxNonces / group]uint64)
	defer bitmaps.Put(bitmap)
	candidates := bitmap[:(count+group-1)/group]
	k.search(job.prep, first, candidates)
	if tail := count % group; tail != 0 {
		candidates[len(candidates)-1] &= 1<<tail - 1
	}
	for i, word := range candidates {
		for ; word != 0; word &= word - 1 {
			nonce := first + uint32(i*group+bits.TrailingZeros64(word))
			if job.meets(nonce) {
				nonces = append(nonces, nonce)
			}
		}
	}
	return nonces
}

// ScanRange is [Kernel.Scan] for a range of any length, up to all 2^32 nonces. It
// cannot be cancelled, so it is for ranges that take milliseconds.
func (k *Kernel) ScanRange(job *Job, first uint32, count uint64) (nonces []uint32) {
	for done := uint64(0); done < count; {
		n := min(count-done, MaxNonces)
		nonces = k.Scan(job, first+uint32(done), int(n), nonces)
		done += n
	}
	return nonces
}

// bitmaps is the pool of Scan's candidate bitmaps. Scan must not allocate: to
// collect garbage, Go stops all threads, and each waits until the slowest has left
// assembly.
var bitmaps = sync.Pool{New: func() any { return new([MaxNonces / group]uint64) }}

// meets reports whether the whole hash with this nonce meets the target.
func (j *Job) meets(nonce uint32) bool {
	header := j.header
	setNonce(&header, nonce)
	hash := doubleSum(header[:])
	return meets(&hash, &j.target)
}

// Hash writes the double SHA-256 of each header to hashes. headers are encoded
// headers of 80 bytes, one after the other. It panics if their number is not that
// of hashes.
func (k *Kernel) Hash(hashes [][32]byte, headers []byte) {
	if len(headers) != headerSize*len(hashes) {
		panic(fmt.Sprintf("simd: %d bytes of headers for %d hashes", len(headers), len(hashes)))
	}
	whole := len(hashes) / k.width * k.width
	k.hash(hashes[:whole], headers[:whole*headerSize])
	if rest := hashes[whole:]; len(rest) > 0 {
		t := tails.Get().(*tail)
		copy(t.headers[:], headers[whole*headerSize:])
		k.hash(t.hashes[:k.width], t.headers[:k.width*headerSize])
		copy(rest, t.hashes[:])
		tails.Put(t)
	}
}

// tail is a buffer for the last headers, which do not fill the lanes of a kernel.
type tail struct {
	headers [maxWidth * headerSize]byte
	hashes  [maxWidth][32]byte
}

var tails = sync.Pool{New: func() any { return new(tail) }}
