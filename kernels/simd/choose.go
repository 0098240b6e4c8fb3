package simd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"stele/kernels/internal/selection"
)

// Errors of [Lookup] and [Best].
var (
	ErrUnknown  = selection.ErrUnknown         // no kernel has this name; also of names in STELE_CPU
	ErrUnusable = errors.New("cannot be used") // the CPU lacks an instruction set, STELE_CPU disables it, or it gave wrong answers
)

// Variant describes whether a kernel can be used on this CPU.
type Variant struct {
	Name      string
	Available bool
	Reason    string // why it is not available; "" if it is
}

// Variants returns all kernels of the program, the widest first.
func Variants() []Variant {
	all := make([]Variant, 0, len(kernels))
	for _, k := range kernels {
		v := Variant{Name: k.name, Available: true}
		if err := k.usable(); err != nil {
			v.Available, v.Reason = false, err.Error()
		}
		all = append(all, v)
	}
	return all
}

// Lookup returns the kernel with this name. Errors: [ErrUnknown] and [ErrUnusable],
// with the reason.
func Lookup(name string) (*Kernel, error) {
	k, err := known(name)
	if err != nil {
		return nil, err
	}
	if err := k.usable(); err != nil {
		return nil, fmt.Errorf("kernel %q %w: %w", name, ErrUnusable, err)
	}
	return k, nil
}

func known(name string) (*Kernel, error) {
	for _, k := range kernels {
		if k.name == name {
			return k, nil
		}
	}
	return nil, fmt.Errorf("%w %q: the CPU kernels are %s", ErrUnknown, name, strings.Join(names(), ", "))
}

// usable returns nil, or the reason why the kernel cannot be used.
func (k *Kernel) usable() error {
	if k.search == nil {
		return fmt.Errorf("not available for this architecture")
	}
	var lack []string
	for _, f := range k.need {
		if !f.present() {
			lack = append(lack, f.String())
		}
	}
	if len(lack) > 0 {
		return fmt.Errorf("this CPU has no %s", strings.Join(lack, ", "))
	}
	isAllowed, err := allowed()
	if err != nil {
		return err
	}
	if !isAllowed(k.name) {
		return selection.Disabled()
	}
	return k.selfTest()
}

// EnvVar is the environment variable that selects or disables kernels.
const EnvVar = selection.EnvVar

// allowed returns a function that reports whether STELE_CPU allows a kernel.
func allowed() (func(name string) bool, error) { return selection.Allowed(names()) }

// names returns the names of all kernels.
func names() (all []string) {
	for _, k := range kernels {
		all = append(all, k.name)
	}
	return all
}

// Best returns the fastest usable kernels for Scan and for Hash. The first call
// benchmarks them for about 20 ms. On Zen 5 it may move the code of avx512 to other
// physical pages, and benchmark again. The error is [ErrUnusable] if no kernel is
// usable, with the reason for each, or [ErrUnknown] if STELE_CPU has an unknown
// name. Safe for concurrent use.
func Best() (search, hash *Kernel, err error) {
	b := best()
	return b.search, b.hash, b.err
}

type choice struct {
	search, hash *Kernel
	err          error
}

var best = sync.OnceValue(choose)

func choose() choice {
	if _, err := allowed(); err != nil {
		return choice{err: err}
	}
	var usable []*Kernel
	var reasons []string
	for _, k := range kernels {
		if err := k.usable(); err != nil {
			reasons = append(reasons, k.name+": "+err.Error())
		} else {
			usable = append(usable, k)
		}
	}
	if len(usable) == 0 {
		return choice{err: fmt.Errorf("CPU kernels %w: %s", ErrUnusable, strings.Join(reasons, "; "))}
	}
	if len(usable) > 1 { // plain Go is never faster
		usable = slices.DeleteFunc(usable, func(k *Kernel) bool { return k.need == nil })
	}
	if len(usable) == 1 {
		return choice{search: usable[0], hash: usable[0]}
	}
	search, hash := benchmark(usable)
	if k := slowed(isZen5(), usable, search, hash); k != nil && k.movePages() == nil {
		search, hash = benchmark(usable)
	}
	return choice{
		search: usable[slices.Index(search, slices.Min(search))],
		hash:   usable[slices.Index(hash, slices.Min(hash))],
	}
}

// benchmark returns the shortest times of the kernels for one search and for one batch of
// hashes.
func benchmark(kernels []*Kernel) (search, hash []time.Duration) {
	job := NewJob(new([headerSize]byte), [32]byte{})
	hashes, headers := make([][32]byte, 1024), make([]byte, 1024*headerSize)
	return shortestRuns(kernels, func(k *Kernel) { k.Scan(job, 0, 4096, nil) }),
		shortestRuns(kernels, func(k *Kernel) { k.Hash(hashes, headers) })
}

// shortestRuns returns the shortest run of work of each kernel. The kernels take turns
// for 10 ms, at least three times: other load on the machine can only slow a run
// down.
func shortestRuns(from []*Kernel, work func(*Kernel)) []time.Duration {
	shortest := make([]time.Duration, len(from))
	start := time.Now()
	for turn := 0; turn < 3 || time.Since(start) < 10*time.Millisecond; turn++ {
		for i, k := range from {
			t := time.Now()
			work(k)
			if d := time.Since(t); turn == 0 || d < shortest[i] {
				shortest[i] = d
			}
		}
	}
	return shortest
}
