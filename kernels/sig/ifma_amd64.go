package sig

import "github.com/klauspost/cpuid/v2"

// present reports whether the CPU has the instructions of the assembly.
func present() bool {
	return cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512DQ, cpuid.AVX512BW, cpuid.AVX512VL, cpuid.AVX512IFMA)
}

// kernel has the stages in assembly.
var kernel = [stages]func(*group){
	stageMul:          mul,
	stageSqr:          sqr,
	stageCarry:        carry,
	stageCanonical:    canonical,
	stageDouble:       double,
	stageToProjective: toProjective,
	stageToExtended:   toExtended,
	stageToAddend:     toAddend,
	stageAddPoint:     addPoint,
	stageAddAffine:    addAffine,
}

//go:noescape
func mul(work *group)

//go:noescape
func sqr(work *group)

//go:noescape
func carry(work *group)

//go:noescape
func canonical(work *group)

//go:noescape
func double(work *group)

//go:noescape
func toProjective(work *group)

//go:noescape
func toExtended(work *group)

//go:noescape
func toAddend(work *group)

//go:noescape
func addPoint(work *group)

//go:noescape
func addAffine(work *group)
