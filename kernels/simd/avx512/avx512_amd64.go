// Package avx512 is the kernel for AVX-512F, BW and VL: 16 nonces or headers
// in the lanes of a 512-bit register.
package avx512

import "stele/kernels/internal/prep"

// Width is the number of headers that Hash does at a time.
const Width = 16

//go:noescape
func search(job *prep.Job, first uint32, candidates *uint64, groups uint64)

//go:noescape
func searchVersions(jobs *prep.Job, versions uint64, first uint32, candidates *uint16, groups uint64)

//go:noescape
func hash(hashes *[32]byte, headers *byte, groups uint64)

// Search is pure.Search.
func Search(job *prep.Job, first uint32, candidates []uint64) {
	if len(candidates) > 0 {
		search(job, first, &candidates[0], uint64(len(candidates)))
	}
}

// SearchVersions is pure.SearchVersions.
func SearchVersions(job *prep.VersionJob, first uint32, candidates []uint16) {
	jobs := job.Jobs()
	if groups := len(candidates) / len(jobs); groups > 0 {
		searchVersions(&jobs[0], uint64(len(jobs)), first, &candidates[0], uint64(groups))
	}
}

// Hash is pure.Hash. The number of headers must be a multiple of Width.
func Hash(hashes [][32]byte, headers []byte) {
	if len(hashes) > 0 {
		hash(&hashes[0], &headers[0], uint64(len(hashes)/Width))
	}
}
