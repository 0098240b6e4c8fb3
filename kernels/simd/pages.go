package simd

import (
	"slices"
	"time"

	"github.com/klauspost/cpuid/v2"
)

// On Zen 5 the physical addresses of its code can slow a kernel down by a factor of
// 1.2 to 4: two pages of it seem to evict each other's lines from the instruction
// cache. About one placement in 50 is so bad, and it stays until the program's file
// leaves the page cache. Copies of the pages at other addresses cure it.

// slowed returns the kernel whose code lies at bad addresses, or nil. search and hash
// are the times of kernels for the same work. avx512 is 2.2 times as fast as hybrid
// on Zen 5 in both, and the hybrid's limit is the SHA unit.
func slowed(zen5 bool, kernels []*Kernel, search, hash []time.Duration) *Kernel {
	named := func(name string) int {
		return slices.IndexFunc(kernels, func(k *Kernel) bool { return k.name == name })
	}
	fast, slow := named("avx512"), named("hybrid")
	if !zen5 || fast < 0 || slow < 0 {
		return nil
	}
	if 2*search[fast] > search[slow] || 2*hash[fast] > hash[slow] {
		return kernels[fast]
	}
	return nil
}

// isZen5 reports whether this is a CPU of AMD's family 26.
func isZen5() bool { return cpuid.CPU.VendorID == cpuid.AMD && cpuid.CPU.Family == 26 }
