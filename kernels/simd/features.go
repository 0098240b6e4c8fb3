package simd

import "github.com/klauspost/cpuid/v2"

// feature is an instruction set that a kernel requires.
type feature cpuid.FeatureID

func (f feature) present() bool  { return cpuid.CPU.Supports(cpuid.FeatureID(f)) }
func (f feature) String() string { return cpuid.FeatureID(f).String() }

// Features returns the names of the instruction sets that this CPU has and some
// kernel requires.
func Features() []string {
	found := []string{}
	seen := map[feature]bool{}
	for _, k := range kernels {
		for _, f := range k.need {
			if f.present() && !seen[f] {
				seen[f] = true
				found = append(found, f.String())
			}
		}
	}
	return found
}
