// Package sig checks Ed25519 signatures by the rules of ZIP-215, one in each of the
// eight 64-bit lanes of AVX-512 with IFMA, with its own exact verdict for each.
//
// [Checker.Check] computes Q = s B - k A for groups of eight, two groups at a time
// (decode.go, and the ladders of the assembly). If R is the encoding of Q, the
// signature is good; only for other signatures R is decoded. A [Table] of a key that
// signs often (table.go) saves its decoding and four of five doublings.
//
// A number modulo p = 2^255-19 has five limbs in radix 2^51. A limb is loose below
// 2^51 + 2^17, wide below 2^52, and raw below 2^62. Products take wide limbs, carry
// takes raw ones, and stages leave loose ones, or numbers below p.
//
// The assembly is written by kernels/simd/gen, which computes the range of every
// value and fails where a sum could overflow, a difference be negative, or a factor
// reach 2^52. [lane] is the same arithmetic in plain Go, one lane at a time: both
// have the same limbs, not only the same numbers.
//
// Nothing here takes constant time: signatures, keys and messages are public.
package sig

import (
	"sync"
	"sync/atomic"

	"stele/kernels/internal/selection"
)

// EnvVar is the environment variable that selects kernels. A "-ifma" in its list,
// which is separated by commas, disables this one.
const EnvVar = selection.EnvVar

// Available reports whether the assembly runs on this CPU, is not disabled, and
// has passed its self-test. Safe for concurrent use; the first call runs the test,
// for some milliseconds.
func Available() bool { return !disabled.Load() && available() }

var available = sync.OnceValue(func() bool {
	return present() && disabledByEnv() == nil && selfTest(&assembly)
})

// disabledByEnv returns an error if STELE_CPU does not allow the kernel.
func disabledByEnv() error {
	isAllowed, err := selection.Allowed(selection.Signatures)
	if err == nil && !isAllowed(Name) {
		err = selection.Disabled()
	}
	return err
}

// Disable disables the kernel for the rest of the process: [Available] and
// [Preferred] return false from now on. A [Checker] that exists still works. It is
// for a caller that has seen a wrong verdict. Safe for concurrent use.
func Disable() { disabled.Store(true) }

var disabled atomic.Bool
