package simd

import (
	"slices"

	"github.com/klauspost/cpuid/v2"
)

// slowed returns the kernel whose code lies at bad addresses, or nil. See package pages.
// On Zen 5 avx512 is 2.6 times as fast as hybrid, whose limit is the SHA unit, in
// searches, 3 times in searches of versions, and 2.5 times in batches.
func (t timings) slowed(zen5 bool) *Kernel {
	named := func(name string) int {
		return slices.IndexFunc(t.kernels, func(k *Kernel) bool { return k.name == name })
	}
	fast, slow := named("avx512"), named("hybrid")
	if !zen5 || fast < 0 || slow < 0 {
		return nil
	}
	if 9*t.search[fast] > 4*t.search[slow] || 5*t.versions[fast] > 2*t.search[slow] || 9*t.hash[fast] > 4*t.hash[slow] {
		return t.kernels[fast]
	}
	return nil
}

// isZen5 reports whether this is a CPU of AMD's family 26.
func isZen5() bool { return cpuid.CPU.VendorID == cpuid.AMD && cpuid.CPU.Family == 26 }
