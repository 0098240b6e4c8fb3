package cuda

import (
	"encoding/binary"
	"math/bits"

	"stele/kernels/internal/prep"
)

// Job is a header and target prepared for the kernels: the part of the work that
// does not depend on the nonce. Safe for concurrent use.
type Job struct {
	prep *prep.Job
}

// NewJob prepares the search for nonces with which the top 32 bits of the hash of
// header are at most those of target. header is an encoded header, whose own nonce
// is ignored. target is a little-endian number, like a hash.
func NewJob(header *[80]byte, target [32]byte) *Job {
	return &Job{prep.New(header, binary.LittleEndian.Uint32(target[28:]))}
}

// mask returns the bits of the last digest word that are 0 in every hash with top
// 32 bits of at most top. The kernels test them before the exact comparison.
func mask(top uint32) uint32 {
	return bits.ReverseBytes32(^uint32(1<<bits.Len32(top) - 1))
}

// words collects numbers in the byte order of the GPU, little-endian.
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

// Range is the part of the nonces that a launch searches: Count from First on
// (mod 2^32). Rounds is the number of nonces per thread (Scan) or of tiles per
// block (Roll). The launch must be large enough: Count <= threads * Rounds (Scan)
// or Count <= blocks * Rounds * Tile (Roll).
type Range struct {
	First  uint32
	Count  uint64 // at most 2^32
	Rounds uint32
}

// ScanParams returns the parameter of a Scan entry. hits is the device address of
// the hits: the words count (0 before the launch) and capacity, then capacity
// words for nonces. The kernel counts all hits. If there are more than capacity,
// the range must be searched again in smaller parts.
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

// VersionState returns the part of the parameters that depends on the version, 64
// bytes. header is the encoded header with that version.
func VersionState(header *[80]byte) []byte {
	p := prep.New(header, 0)
	return words(make([]byte, 0, 64)).u32(p.Mid[:]...).u32(p.State3[:]...)
}

// RollParams returns the parameter of a Roll entry. versions is the device address
// of [Versions] version states, of headers that differ only in their first 64
// bytes. hits is the device address of the hits as in ScanParams, with two words
// per hit: the nonce and the index of the version.
func (j *Job) RollParams(r Range, versions, hits uint64) []byte {
	p := j.prep
	w := words(make([]byte, 0, 80)).moved(mask(p.Top)).u32(p.Tail[:]...).u32(p.Top)
	return w.u64(versions).u32(r.First, r.Rounds).u64(r.Count, hits)
}

// VerifyParams returns the parameter of Verify and Link. headers is the device
// address (16-byte aligned) of count records of 80 bytes. Verify writes their
// hashes, 32 bytes each, to hashes unless that is 0; Link reads them. Both set the
// bits of the invalid headers in bad, 32 per word.
func VerifyParams(headers, hashes, bad uint64, count int) []byte {
	return words(make([]byte, 0, 64)).moved(0).u64(headers, hashes, bad, uint64(count))
}

// Message is a message for the entry hash: the bytes of three pieces, one after the
// other, which may overlap or be empty.
type Message struct {
	At   [3]uint32 // offsets of the pieces in the data
	Size [3]uint32 // their bytes, together below 2^32 - 64
	Hash uint32    // index of its hash
	Copy uint32    // index of a second place for it, or the same
}

// MessageSize is the length of a message for the device in bytes.
const MessageSize = 32

// Append appends the message, as the device reads it, to b.
func (m *Message) Append(b []byte) []byte {
	return words(b).u32(m.At[:]...).u32(m.Size[:]...).u32(m.Hash, m.Copy)
}

// HashParams returns the parameter of hash. data is the device address (4-byte aligned)
// of the bytes of the messages, whose memory must end with a whole word, and messages
// that of count encoded messages (16-byte aligned). Their double SHA-256 is written to
// hashes (16-byte aligned), 32 bytes each.
func HashParams(data, messages, hashes uint64, count int) []byte {
	return words(make([]byte, 0, 64)).moved(0).u64(data, messages, hashes, uint64(count))
}

// Tree is a Merkle tree for the entry merkle.
type Tree struct {
	First uint32 // index of the first leaf
	Count uint32 // leaves, at least one
	Nodes uint32 // index of its first node above the leaves
}

// TreeSize is the length of a tree for the device in bytes.
const TreeSize = 16

// Append appends the tree, as the device reads it, to b.
func (t *Tree) Append(b []byte) []byte {
	return words(b).u32(t.First, t.Count, t.Nodes, 0)
}

// TreeNodes returns how many nodes a tree of count leaves has above them.
func TreeNodes(count int) int {
	nodes := 0
	for n := count; n > 1; {
		n = (n + 1) / 2
		nodes += n
	}
	return nodes
}

// MerkleParams returns the parameter of merkle. hashes is the device address of the
// leaves, trees that of count encoded trees, and nodes that of their nodes above the
// leaves, which are written. roots is the address of count hashes. A tree with two equal
// nodes in a pair has its bit set in mutated, 32 per word, as pow.MerkleRoot reports it.
// All but mutated are 16-byte aligned.
func MerkleParams(hashes, trees, nodes, roots, mutated uint64, count int) []byte {
	return words(make([]byte, 0, 80)).moved(0).u64(hashes, trees, nodes, roots, mutated, uint64(count))
}
