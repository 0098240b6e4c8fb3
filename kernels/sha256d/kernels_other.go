//go:build !amd64

package sha256d

// kernels is the dispatch table, the widest first.
var kernels = []*Kernel{
	{name: "avx512"}, // of amd64
	{name: "shani"},  // of amd64
	plain,
}
