//go:build !amd64

package simd

import "stele/kernels/simd/pure"

// kernels is the dispatch table.
var kernels = []*Kernel{
	{
		name:   "pure",
		search: pure.Search,
		hash:   pure.Hash,
		width:  1,
	},
}
