package sha256d

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/cpuid/v2"

	"stele/kernels/internal/pages"
	"stele/kernels/internal/selection"
	"stele/kernels/internal/timing"
)

// Errors of [Lookup].
var (
	ErrUnknown  = selection.ErrUnknown         // no kernel has this name; also of names in STELE_CPU
	ErrUnusable = errors.New("cannot be used") // the CPU lacks an instruction set, STELE_CPU disables it, or it is ErrWrong
	ErrWrong    = errors.New("failed its known-answer test")
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
// with the reason, which may be [ErrWrong].
func Lookup(name string) (*Kernel, error) {
	i := slices.IndexFunc(kernels, func(k *Kernel) bool { return k.name == name })
	if i < 0 {
		return nil, fmt.Errorf("%w %q: the kernels for messages are %s", ErrUnknown, name, strings.Join(selection.Messages, ", "))
	}
	if err := kernels[i].usable(); err != nil {
		return nil, fmt.Errorf("kernel %q %w: %w", name, ErrUnusable, err)
	}
	return kernels[i], nil
}

// usable returns nil, or the reason why the kernel cannot be used.
func (k *Kernel) usable() error {
	if !k.made {
		return selection.ErrArchitecture
	}
	if err := selection.Usable(k.name, selection.Messages, k.lacking()); err != nil {
		return err
	}
	return k.selfTest()
}

// lacking returns the instruction sets that the CPU does not have.
func (k *Kernel) lacking() (names []string) {
	for _, f := range k.need {
		if !cpuid.CPU.Supports(f) {
			names = append(names, f.String())
		}
	}
	return names
}

// Best returns the fastest usable kernel. The first call benchmarks them for a few
// milliseconds. On Zen 5 it may move the code of the package to other physical pages, and
// benchmark again, up to three times. Best returns plain if STELE_CPU leaves none. Safe for
// concurrent use.
func Best() *Kernel { return best() }

var best = sync.OnceValue(choose)

var onlyPlain atomic.Bool

// UsePlain makes [Sum] and [Pairs] use plain instead of the fastest kernel, in all
// goroutines, or the fastest again. It is for comparisons. Safe for concurrent use.
func UsePlain(only bool) { onlyPlain.Store(only) }

func choose() *Kernel {
	var usable []*Kernel
	for _, k := range kernels {
		if k.usable() == nil {
			usable = append(usable, k)
		}
	}
	switch len(usable) {
	case 0:
		return plain
	case 1:
		return usable[0]
	}
	var times []time.Duration
	pages.Settle(func() any {
		times = measure(usable)
		if k := slowed(usable, times); k != nil {
			return k.blocks
		}
		return nil
	})
	return usable[slices.Index(times, slices.Min(times))]
}

// slowed returns the kernel whose code lies at bad addresses if this is Zen 5, or nil: there
// avx512 is twice as fast as shani.
func slowed(kernels []*Kernel, times []time.Duration) *Kernel {
	named := func(name string) int {
		return slices.IndexFunc(kernels, func(k *Kernel) bool { return k.name == name })
	}
	fast, slow := named("avx512"), named("shani")
	if fast < 0 || slow < 0 || 5*times[fast] <= 3*times[slow] {
		return nil
	}
	return kernels[fast]
}

// measure returns the shortest times of kernels for some messages and pairs, in 3 ms.
func measure(kernels []*Kernel) []time.Duration {
	const n = 128
	messages, hashes, nodes := make([]Message, n), make([][32]byte, n), make([][32]byte, 2*n)
	for i := range messages {
		messages[i][0] = make([]byte, 200)
	}
	var works []func()
	for _, k := range kernels {
		works = append(works, func() {
			k.Sum(hashes, messages)
			k.Pairs(hashes, nodes)
		})
	}
	return timing.Shortest(3, 3*time.Millisecond, works...)
}
