package simd

import (
	"github.com/klauspost/cpuid/v2"

	"stele/kernels/simd/avx512"
	"stele/kernels/simd/pure"
)

// kernels is the dispatch table, the widest first.
var kernels = []*Kernel{
	{
		name:   "avx512",
		need:   []feature{feature(cpuid.AVX512F), feature(cpuid.AVX512BW), feature(cpuid.AVX512VL)},
		search: avx512.Search,
		hash:   pure.Hash,
		width:  16,
	},
	{
		name:   "pure",
		search: pure.Search,
		hash:   pure.Hash,
		width:  1,
	},
}
