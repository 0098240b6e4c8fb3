package simd

import "github.com/klauspost/cpuid/v2"

// feature is an instruction set that some kernel needs.
type feature cpuid.FeatureID

func (f feature) present() bool  { return cpuid.CPU.Supports(cpuid.FeatureID(f)) }
func (f feature) String() string { return cpuid.FeatureID(f).String() }

// Features returns those instruction sets that the kernels ask for and this
// CPU has.
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
