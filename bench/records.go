package bench

import (
	"context"
	"fmt"
	"math/rand/v2"

	sha256 "github.com/minio/sha256-simd"

	"stele/kernels/sha256d"
)

// Sizes of the lists of the modes RecordHashes and RecordMerkle: as much as a few blocks
// have.
const (
	recordCount = 1 << 14
	nodeCount   = 1 << 14
)

const hashSize = 32

// RecordData has what the modes [RecordHashes] and [RecordMerkle] hash. Several workers
// may share it.
type RecordData struct {
	bodies, records [][]byte // of each record; a body is the start of its record
	nodes           [][hashSize]byte
}

// MakeRecordData returns the data, which are the same for every call. The records are
// random bytes, as long as the records of the ledger usually are: bodies of 110 to 237
// bytes, each followed by one signature, or some by two.
func MakeRecordData() *RecordData {
	random := rand.NewChaCha8([32]byte([]byte("records and nodes to be hashed..")))
	d := &RecordData{
		bodies: make([][]byte, recordCount), records: make([][]byte, recordCount),
		nodes: make([][hashSize]byte, 2*nodeCount),
	}
	for i := range recordCount {
		kind := random.Uint64()
		body := 110 + int(kind%128)
		signatures := 1
		if kind>>8%8 == 0 {
			signatures = 2
		}
		record := make([]byte, body+1+64*signatures)
		_, _ = random.Read(record) // never fails
		d.bodies[i], d.records[i] = record[:body], record
	}
	for i := range d.nodes {
		_, _ = random.Read(d.nodes[i][:])
	}
	return d
}

// hashPart is the most items that are handed to a kernel together.
const hashPart = 512

// recordHasher is a [Worker] that computes the hash of the body and that of the whole
// record, for each record.
type recordHasher struct {
	data    *RecordData
	threads int
	hashes  [][hashSize]byte
	sum     func(thread int, hashes [][hashSize]byte, from, to int) // of the records from to to
}

// NewRecordHasher returns the worker of the mode [RecordHashes] with a kernel.
func NewRecordHasher(d *RecordData, k *sha256d.Kernel, threads int) Worker[[hashSize]byte] {
	messages := make([][]sha256d.Message, threads)
	for i := range messages {
		messages[i] = make([]sha256d.Message, 2*hashPart)
	}
	return &recordHasher{d, threads, make([][hashSize]byte, 2*recordCount), func(thread int, hashes [][hashSize]byte, from, to int) {
		own := messages[thread][:2*(to-from)]
		for i := range to - from {
			own[2*i][0], own[2*i+1][0] = d.bodies[from+i], d.records[from+i]
		}
		k.Sum(hashes, own)
	}}
}

// NewReferenceHasher returns the worker of the reference of the mode [RecordHashes]: two
// calls of sha256-simd for each hash.
func NewReferenceHasher(d *RecordData) Worker[[hashSize]byte] {
	return &recordHasher{d, 1, make([][hashSize]byte, 2*recordCount), func(_ int, hashes [][hashSize]byte, from, to int) {
		for i := range to - from {
			hashes[2*i], hashes[2*i+1] = simdSum(d.bodies[from+i]), simdSum(d.records[from+i])
		}
	}}
}

// Do hashes records.
func (h *recordHasher) Do(ctx context.Context, first, count int) error {
	return spread(ctx, h.threads, first, count, hashPart, func(thread, from, to int) {
		h.sum(thread, h.hashes[2*from:2*to], from, to)
	})
}

// Answers returns the hashes.
func (h *recordHasher) Answers() [][hashSize]byte { return h.hashes }

// merkleHasher is a [Worker] that computes a level of a Merkle tree.
type merkleHasher struct {
	threads int
	nodes   [][hashSize]byte
	parents [][hashSize]byte
	pairs   func(parents, nodes [][hashSize]byte)
}

// NewMerkleHasher returns the worker of the mode [RecordMerkle] with a kernel.
func NewMerkleHasher(d *RecordData, k *sha256d.Kernel, threads int) Worker[[hashSize]byte] {
	return &merkleHasher{threads, d.nodes, make([][hashSize]byte, nodeCount), k.Pairs}
}

// NewReferenceMerkleHasher returns the worker of the reference of the mode
// [RecordMerkle]: two calls of sha256-simd for each node.
func NewReferenceMerkleHasher(d *RecordData) Worker[[hashSize]byte] {
	return &merkleHasher{1, d.nodes, make([][hashSize]byte, nodeCount), func(parents, nodes [][hashSize]byte) {
		var pair [2 * hashSize]byte
		for i := range parents {
			copy(pair[:hashSize], nodes[2*i][:])
			copy(pair[hashSize:], nodes[2*i+1][:])
			parents[i] = simdSum(pair[:])
		}
	}}
}

// Do computes nodes.
func (h *merkleHasher) Do(ctx context.Context, first, count int) error {
	return spread(ctx, h.threads, first, count, hashPart, func(_, from, to int) {
		h.pairs(h.parents[from:to], h.nodes[2*from:2*to])
	})
}

// Answers returns the nodes that were computed.
func (h *merkleHasher) Answers() [][hashSize]byte { return h.parents }

func simdSum(message []byte) [hashSize]byte {
	first := sha256.Sum256(message)
	return sha256.Sum256(first[:])
}

// HashKernels returns the names of the kernels of [sha256d] that --kernel asks for: all
// that can be used here for "all", the fastest for "".
func HashKernels(name string) (kernels []*sha256d.Kernel, err error) {
	if name == "" {
		return []*sha256d.Kernel{sha256d.Best()}, nil
	}
	for _, v := range sha256d.Variants() {
		if name != "all" && name != v.Name || name == "all" && !v.Available {
			continue
		}
		k, err := sha256d.Lookup(v.Name)
		if err != nil {
			return nil, err
		}
		kernels = append(kernels, k)
	}
	if len(kernels) == 0 {
		_, err = sha256d.Lookup(name)
		return nil, fmt.Errorf("--kernel: %w", err)
	}
	return kernels, nil
}
