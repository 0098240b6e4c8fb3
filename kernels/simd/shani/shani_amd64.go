// Package shani is the kernel for the SHA extensions: four nonces or headers
// in turn, one message to a register.
package shani

import "stele/kernels/internal/prep"

// Width is the number of headers that Hash does at a time.
const Width = 4

//go:noescape
func search(job *prep.Job, first uint32, candidates *uint64, groups uint64)

//go:noescape
func hash(hashes *[32]byte, headers *byte, turns uint64)

// Search is pure.Search.
func Search(job *prep.Job, first uint32, candidates []uint64) {
	if len(candidates) > 0 {
		search(job, first, &candidates[0], uint64(len(candidates)))
	}
}

// Hash is pure.Hash. The number of headers must be a multiple of Width.
func Hash(hashes [][32]byte, headers []byte) {
	if len(hashes) > 0 {
		hash(&hashes[0], &headers[0], uint64(len(hashes)/Width))
	}
}
