package simd

import (
	"github.com/klauspost/cpuid/v2"

	"stele/kernels/simd/pure"
	"stele/kernels/simd/sha2"
)

// kernels is the dispatch table, the widest first.
var kernels = []*Kernel{
	{name: "hybrid"}, // of amd64
	{name: "avx512"}, // of amd64
	{name: "shani"},  // of amd64
	{name: "avx2"},   // of amd64
	{
		name:   "sha2",
		need:   []feature{feature(cpuid.SHA2)},
		search: sha2.Search,
		hash:   sha2.Hash,
		width:  sha2.Width,
	},
	{
		name:   "pure",
		search: pure.Search,
		hash:   pure.Hash,
		width:  1,
	},
}
