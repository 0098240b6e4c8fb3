// Package avx512 is the kernel for AVX-512F, BW and VL: 16 nonces or headers
// in the lanes of a 512-bit register.
package avx512

import "stele/kernels/simd/internal/prep"

//go:noescape
func search(job *prep.Job, first uint32, candidates *uint64, groups uint64)

// Search is pure.Search.
func Search(job *prep.Job, first uint32, candidates []uint64) {
	if len(candidates) > 0 {
		search(job, first, &candidates[0], uint64(len(candidates)))
	}
}
