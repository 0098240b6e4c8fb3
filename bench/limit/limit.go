package limit

import "errors"

// Work is what a loop of a kernel does.
type Work string

// The loops.
const (
	Search   Work = "search"   // nonces of one header; an item is a hash
	Versions Work = "versions" // nonces of 128 versions of a header; an item is a hash
	Hash     Work = "hash"     // independent headers; an item is a header
)

// Bound is the limit of a loop.
type Bound struct {
	Cycles float64 // of one core, or of a GPU's multiprocessor, for one item
	By     string  // what is the limit, in words: "ports 0 1 2 3: vector arithmetic"
}

// Errors of [For] and [ForGPU].
var (
	ErrKernel       = errors.New("no instruction counts of the kernel")
	ErrArchitecture = errors.New("no figures of the processor")
)

// For returns the limit of a CPU kernel's loop on a microarchitecture, by its name in
// [Microarchitectures]. A kernel without a loop for versions has the limit of its
// search. The error is [ErrKernel] or [ErrArchitecture], with the reason.
func For(kernel string, work Work, microarchitecture string) (Bound, error) {
	return Bound{}, ErrArchitecture
}

// ForGPU returns the limit of a GPU kernel, by the name of its entry, on GPUs of a
// compute capability. The cycles are those of one multiprocessor. The error is
// [ErrArchitecture].
func ForGPU(entry string, major, minor int) (Bound, error) {
	return Bound{}, ErrArchitecture
}
