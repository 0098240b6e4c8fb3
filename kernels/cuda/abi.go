package cuda

import (
	"encoding/binary"
	"math/bits"

	"stele/kernels/internal/prep"
)

// Job is a header prepared for the kernels: what does not depend on the nonce
// is computed once.
type Job struct {
	prep *prep.Job
}

// NewJob prepares the search for nonces with which the top 32 bits of the hash
// of header are at most those of target. Header is an encoded header, and its
// own nonce does not matter. The target has the byte order of a hash: it is a
// little-endian number.
func NewJob(header *[80]byte, target [32]byte) *Job {
	return &Job{prep.New(header, binary.LittleEndian.Uint32(target[28:]))}
}

// mask has the bits of the last digest word that are 0 in every hash whose top
// 32 bits are at most top: the kernels test it before the exact comparison.
func mask(top uint32) uint32 {
	return bits.ReverseBytes32(^uint32(1<<bits.Len32(top) - 1))
}

// words appends numbers in the byte order of the GPU.
type words []byte

func (w words) u32(v ...uint32) words {
	for _, x := range v {
		w = binary.LittleEndian.AppendUint32(w, x)
	}
	return w
}

func (w words) u64(v ...uint64) words {
	for _, x := range v {
		w = binary.LittleEndian.AppendUint64(w, x)
	}
	return w
}

func (w words) moved(mask uint32) words {
	return w.u32(1, 1<<29, 1<<22, 1<<25, 1<<15, 1<<14, 1<<13, mask)
}

// Range is the share of the nonces that a launch searches: Count from First
// on (mod 2^32), Rounds for each thread (Scan) or tiles for each block (Roll).
// The launch must have enough threads for that: Count <= threads * Rounds, or
// blocks * Rounds * Tile.
type Range struct {
	First  uint32
	Count  uint64 // at most 2^32
	Rounds uint32
}

// ScanParams is the parameter of a Scan entry. hits is the device address of
// the hits: the words count (0 before) and capacity, then capacity words for
// nonces. All hits are counted; if there are more than fit, the range has to be
// searched again in smaller parts.
func (j *Job) ScanParams(r Range, hits uint64) []byte {
	p := j.prep
	w := words(make([]byte, 0, 168))
	w = w.u32(p.Mid[:]...).u32(p.A4, p.E4).u32(p.S4[:]...).u32(p.H4KW, p.H5KW, p.H6KW, p.KW16, p.KW17)
	w = w.u32(p.W16, p.W17, p.C18, p.C19, p.C31, p.C32, p.Top)
	w = w.moved(mask(p.Top)).u32(r.First, r.Rounds).u64(r.Count, hits)
	return w
}

// Versions is the number of versions of a header that a Roll entry searches.
const Versions = 128

// VersionState is what differs between versions, 64 bytes each, made of the
// encoded header with a version.
func VersionState(header *[80]byte) []byte {
	p := prep.New(header, 0)
	return words(make([]byte, 0, 64)).u32(p.Mid[:]...).u32(p.State3[:]...)
}

// RollParams is the parameter of a Roll entry. versions is the device address
// of Versions version states, of headers that differ in the first 64 bytes
// only; hits that of the hits as in ScanParams, but with two words for each:
// the nonce and the index of the version.
func (j *Job) RollParams(r Range, versions, hits uint64) []byte {
	p := j.prep
	w := words(make([]byte, 0, 80)).moved(mask(p.Top)).u32(p.Tail[:]...).u32(p.Top)
	return w.u64(versions).u32(r.First, r.Rounds).u64(r.Count, hits)
}

// VerifyParams is the parameter of Verify and Link. headers is the device
// address (16-byte aligned) of count records of 80 bytes. Verify writes their
// hashes, 32 bytes each, to hashes unless it is 0; Link reads them. Both set
// the bit of each header that is not valid in bad, 32 to a word.
func VerifyParams(headers, hashes, bad uint64, count int) []byte {
	return words(make([]byte, 0, 64)).moved(0).u64(headers, hashes, bad, uint64(count))
}
