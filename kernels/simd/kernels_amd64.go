package simd

import (
	"github.com/klauspost/cpuid/v2"

	"stele/kernels/simd/avx2"
	"stele/kernels/simd/avx512"
	"stele/kernels/simd/hybrid"
	"stele/kernels/simd/pure"
	"stele/kernels/simd/shani"
)

// kernels is the dispatch table, the widest first.
var kernels = []*Kernel{
	{
		name: "hybrid",
		need: []feature{
			feature(cpuid.AVX512F), feature(cpuid.AVX512BW), feature(cpuid.AVX512VL),
			feature(cpuid.SHA), feature(cpuid.AVX),
		},
		search: hybrid.Search,
		hash:   hybrid.Hash,
		width:  hybrid.Width,
	},
	{
		name:     "avx512",
		need:     []feature{feature(cpuid.AVX512F), feature(cpuid.AVX512BW), feature(cpuid.AVX512VL)},
		search:   avx512.Search,
		versions: avx512.SearchVersions,
		hash:     avx512.Hash,
		width:    avx512.Width,
	},
	{
		name:   "shani",
		need:   []feature{feature(cpuid.SHA), feature(cpuid.AVX), feature(cpuid.BMI2)},
		search: shani.Search,
		hash:   shani.Hash,
		width:  shani.Width,
	},
	{
		name:   "avx2",
		need:   []feature{feature(cpuid.AVX2)},
		search: avx2.Search,
		hash:   avx2.Hash,
		width:  avx2.Width,
	},
	{name: "sha2"}, // of arm64
	{
		name:   "pure",
		search: pure.Search,
		hash:   pure.Hash,
		width:  1,
	},
}
