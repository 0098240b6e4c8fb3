//go:build !amd64 && !arm64

package simd

import "stele/kernels/simd/pure"

// kernels is the dispatch table, the widest first.
var kernels = []*Kernel{
	{name: "hybrid"}, // of amd64
	{name: "avx512"}, // of amd64
	{name: "shani"},  // of amd64
	{name: "avx2"},   // of amd64
	{name: "sha2"},   // of arm64
	{
		name:   "pure",
		search: pure.Search,
		hash:   pure.Hash,
		width:  1,
	},
}
