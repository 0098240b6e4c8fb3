// Package selection reads STELE_CPU, the environment variable that selects or disables
// CPU kernels of every kind by name.
//
// Its value is a list, separated by commas: "avx2" allows only that kernel,
// "shani,avx2" those two, "-hybrid" all but that one. A kind of work without a kernel
// that the list allows by name is not restricted: STELE_CPU=avx2 leaves the kernel for
// signatures in use, STELE_CPU=-ifma disables it and leaves the rest.
package selection

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// EnvVar is the name of the environment variable.
const EnvVar = "STELE_CPU"

// The kernels for each kind of work.
var (
	Headers    = []string{"hybrid", "avx512", "shani", "avx2", "sha2", "pure"} // package simd
	Messages   = []string{"avx512", "shani", "plain"}                          // package sha256d
	Signatures = []string{"ifma"}                                              // package sig
)

// ErrUnknown is the kind of the error for a name that no kernel has.
var ErrUnknown = errors.New("unknown kernel")

// Allowed returns a function that reports whether STELE_CPU allows the kernel with a
// name, one of kernels. These are those for one kind of work. The error is
// [ErrUnknown] if the value has a name that is neither among kernels nor of another
// kind. Safe for concurrent use.
func Allowed(kernels []string) (func(name string) bool, error) {
	return parse(os.Getenv(EnvVar), kernels)
}

// Usable returns the reason why a kernel, one of kernels, cannot be used: lacking has the
// instruction sets that it needs and the CPU does not have, or STELE_CPU does not allow it.
// Nil: it can, if its answers are right. Safe for concurrent use.
func Usable(name string, kernels, lacking []string) error {
	if len(lacking) > 0 {
		return fmt.Errorf("this CPU has no %s", strings.Join(lacking, ", "))
	}
	allowed, err := Allowed(kernels)
	if err != nil {
		return err
	}
	if !allowed(name) {
		return Disabled()
	}
	return nil
}

// ErrArchitecture is the reason why a kernel for another architecture cannot be used.
var ErrArchitecture = errors.New("not available for this architecture")

// Disabled returns the reason why a kernel is not allowed.
func Disabled() error { return fmt.Errorf("disabled by %s=%s", EnvVar, os.Getenv(EnvVar)) }

func parse(value string, kernels []string) (allowed func(name string) bool, err error) {
	var only, off []string
	for f := range strings.SplitSeq(value, ",") {
		f = strings.TrimSpace(f)
		name, minus := strings.CutPrefix(f, "-")
		switch {
		case f == "":
		case !slices.Contains(kernels, name):
			if err := known(name, kernels); err != nil {
				return nil, fmt.Errorf("%s=%s: %w", EnvVar, value, err)
			}
		case minus:
			off = append(off, name)
		default:
			only = append(only, name)
		}
	}
	return func(name string) bool {
		return !slices.Contains(off, name) && (len(only) == 0 || slices.Contains(only, name))
	}, nil
}

// known returns an error if name is neither one of kernels nor a kernel of another kind.
func known(name string, kernels []string) error {
	all := slices.Clone(kernels)
	for _, kind := range [][]string{Headers, Messages, Signatures} {
		for _, k := range kind {
			if !slices.Contains(all, k) {
				all = append(all, k)
			}
		}
	}
	if slices.Contains(all, name) {
		return nil
	}
	return fmt.Errorf("%w %q: the CPU kernels are %s", ErrUnknown, name, strings.Join(all, ", "))
}
