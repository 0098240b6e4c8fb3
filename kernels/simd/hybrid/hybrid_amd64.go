// Package hybrid is the kernel for CPUs with both AVX-512VL and the SHA
// extensions: message schedules in vectors, 8 messages at a time, and rounds
// by sha256rnds2, in one instruction stream.
package hybrid

import (
	"stele/kernels/simd/internal/prep"
)

//go:noescape
func search(job *prep.Job, first uint32, candidates *uint64, groups uint64)

// Search is pure.Search.
func Search(job *prep.Job, first uint32, candidates []uint64) {
	if len(candidates) > 0 {
		search(job, first, &candidates[0], uint64(len(candidates)))
	}
}
