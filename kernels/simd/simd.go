// Package simd has the two hot loops for CPUs: the nonce search over an
// 80-byte header, and the double SHA-256 of many independent headers.
//
// A [Kernel] is one variant of both loops: pure Go, or assembly for one
// instruction set, in a folder of its own. All have the same signatures and
// give the same answers. [Best] chooses the fastest that runs here, by
// measuring; [Lookup] takes one by name; [Variants] tells what there is and why
// something is not to be had. The environment variable STELE_CPU chooses or
// switches off variants: "avx2" allows only that one, "shani,avx2" those two,
// "-hybrid" all but that one.
//
// Caveats: a kernel that fails its known-answer test is never handed out. Go
// cannot preempt assembly, so calls must be short: [MaxNonces] and [MaxHeaders]
// bound them to about a millisecond. No cgo is needed.
package simd

import (
	"fmt"
	"math/bits"
	"sync"

	"stele/kernels/internal/prep"
)

const (
	// MaxNonces is the most nonces for one call of [Kernel.Scan].
	MaxNonces = 1 << 16
	// MaxHeaders is the most headers that one call of [Kernel.Hash] should
	// have; more work, but keep the thread from Go's scheduler.
	MaxHeaders = 1 << 13

	group  = 64 // nonces behind a word of the candidate bitmap
	widest = 32 // most headers that a kernel hashes at once
)

// Kernel is one variant of the hot loops. It may be used by several
// goroutines at once.
type Kernel struct {
	name string
	need []feature // instruction sets without which it cannot run

	// search sets bit i%64 of candidates[i/64] for each nonce first+i (mod
	// 2^32) whose hash can meet the target: its top 32 bits are at most those
	// of the target, and clears the other bits. It is exact about these 32 bits.
	search func(job *prep.Job, first uint32, candidates []uint64)

	// hash puts the SHA-256d of each 80-byte record of headers into hashes;
	// their number is a multiple of width.
	hash  func(hashes [][32]byte, headers []byte)
	width int
}

// Name is what [Lookup], STELE_CPU and the commands call the kernel.
func (k *Kernel) Name() string { return k.name }

// Job is a header prepared for [Kernel.Scan]: what does not depend on the
// nonce is computed once.
type Job struct {
	prep   *prep.Job
	header [headerSize]byte
	target [32]byte
}

// NewJob prepares the search for nonces with which the hash of header is at
// most target. Header is an encoded header, and its own nonce does not matter.
// The target has the byte order of a hash: it is a little-endian number.
func NewJob(header *[80]byte, target [32]byte) *Job {
	return &Job{prep.New(header, topOf(target)), *header, target}
}

// Scan tests count nonces from first on, where 0 comes after 2^32-1, and
// appends to nonces every one with which the hash meets the target, in the
// order of the range. It panics if count is not within 0 to [MaxNonces].
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

// ScanRange is [Kernel.Scan] for a range of any length, up to all 2^32 nonces.
// It calls Scan as often as that takes and cannot be stopped, so it is for
// ranges that take milliseconds.
func (k *Kernel) ScanRange(job *Job, first uint32, count uint64) (nonces []uint32) {
	for done := uint64(0); done < count; {
		n := min(count-done, MaxNonces)
		nonces = k.Scan(job, first+uint32(done), int(n), nonces)
		done += n
	}
	return nonces
}

// bitmaps lends Scan its candidates. Scan must leave no garbage: to collect it,
// Go stops all threads, and each waits until the slowest has left assembly.
var bitmaps = sync.Pool{New: func() any { return new([MaxNonces / group]uint64) }}

// meets compares the whole hash with the target.
func (j *Job) meets(nonce uint32) bool {
	header := j.header
	setNonce(&header, nonce)
	hash := doubleSum(header[:])
	return meets(&hash, &j.target)
}

// Hash puts the double SHA-256 of every header, 80 bytes each, one after the
// other in headers, into hashes, in the byte order in which SHA-256 returns it.
// It panics if the lengths differ.
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

// tail has room for the headers at the end that do not fill a kernel's lanes.
type tail struct {
	headers [widest * headerSize]byte
	hashes  [widest][32]byte
}

var tails = sync.Pool{New: func() any { return new(tail) }}
