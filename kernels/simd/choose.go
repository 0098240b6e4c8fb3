package simd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"stele/kernels/internal/pages"
	"stele/kernels/internal/selection"
	"stele/kernels/internal/timing"
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
		return selection.ErrArchitecture
	}
	var lack []string
	for _, f := range k.need {
		if !f.present() {
			lack = append(lack, f.String())
		}
	}
	if err := selection.Usable(k.name, names(), lack); err != nil {
		return err
	}
	return k.selfTest()
}

// allowed returns a function that reports whether STELE_CPU allows a kernel.
func allowed() (func(name string) bool, error) { return selection.Allowed(names()) }

// names returns the names of all kernels.
func names() (all []string) {
	for _, k := range kernels {
		all = append(all, k.name)
	}
	return all
}

// CheckEnv returns [ErrUnknown] if STELE_CPU has a name that no kernel of any kind has.
// Safe for concurrent use.
func CheckEnv() error {
	_, err := allowed()
	return err
}

// Choice has the fastest usable kernel for each kind of work.
type Choice struct {
	Search *Kernel // for Scan
	Hash   *Kernel // for Hash

	// Versions is for ScanVersions. It is nil if no kernel does that faster than
	// Search scans one version after the other.
	Versions *Kernel
}

// Best returns the fastest usable kernels. The first call benchmarks them for about
// 20 ms. On Zen 5 it may move the code of avx512 to other physical pages, and benchmark
// again, up to three times. The error is [ErrUnusable] if no kernel is usable, with the
// reason for each, or [ErrUnknown] if STELE_CPU has an unknown name. Safe for concurrent
// use.
func Best() (Choice, error) { return best() }

var best = sync.OnceValues(choose)

func choose() (Choice, error) {
	if _, err := allowed(); err != nil {
		return Choice{}, err
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
		return Choice{}, fmt.Errorf("CPU kernels %w: %s", ErrUnusable, strings.Join(reasons, "; "))
	}
	if len(usable) > 1 { // plain Go is never faster
		usable = slices.DeleteFunc(usable, func(k *Kernel) bool { return k.need == nil })
	}
	if only := usable[0]; len(usable) == 1 && !only.SharesVersions() {
		return Choice{Search: only, Hash: only}, nil
	}
	var t timings
	pages.Settle(func() any {
		t = measure(usable)
		if k := t.slowed(); k != nil {
			return k.search
		}
		return nil
	})
	return t.fastest(), nil
}

// timings are the shortest times of kernels for the same work.
type timings struct {
	kernels []*Kernel
	search  []time.Duration // hashes of a search

	// versions are for as many hashes of a search of versions: of kernels without a
	// loop for that, as long as search.
	versions []time.Duration

	hash []time.Duration // a batch of headers
}

// measure takes about 20 ms.
func measure(kernels []*Kernel) timings {
	const nonces, batch = 4096, 1024
	header := new([headerSize]byte)
	job := NewJob(header, [32]byte{})
	var searches, hashings []func()
	for _, k := range kernels {
		searches = append(searches, func() { k.Scan(job, 0, nonces, nil) })
	}
	for _, k := range kernels {
		if k.SharesVersions() {
			versions := NewVersionJob(header, make([]uint32, MaxVersions), [32]byte{})
			searches = append(searches, func() { k.ScanVersions(versions, 0, nonces/MaxVersions, nil) })
		}
	}
	hashes, headers := make([][32]byte, batch), make([]byte, batch*headerSize)
	for _, k := range kernels {
		hashings = append(hashings, func() { k.Hash(hashes, headers) })
	}

	const turns, during = 8, 10 * time.Millisecond
	all := timing.Shortest(turns, during, searches...)
	t := timings{kernels: kernels, search: all[:len(kernels)], hash: timing.Shortest(turns, during, hashings...)}
	t.versions = slices.Clone(t.search)
	shared := all[len(kernels):]
	for i, k := range kernels {
		if k.SharesVersions() {
			t.versions[i], shared = shared[0], shared[1:]
		}
	}
	return t
}

// fastest returns the kernels with the shortest times.
func (t timings) fastest() Choice {
	at := func(times []time.Duration) int { return slices.Index(times, slices.Min(times)) }
	c := Choice{Search: t.kernels[at(t.search)], Hash: t.kernels[at(t.hash)]}
	if i := at(t.versions); t.kernels[i].SharesVersions() && t.versions[i] < slices.Min(t.search) {
		c.Versions = t.kernels[i]
	}
	return c
}

// slowed returns the kernel whose code lies at bad addresses if this is Zen 5, or nil: there
// avx512 is 2.6 times as fast as hybrid, whose limit is the SHA unit, in searches, 3 times
// in searches of versions, and 2.5 times in batches.
func (t timings) slowed() *Kernel {
	named := func(name string) int {
		return slices.IndexFunc(t.kernels, func(k *Kernel) bool { return k.name == name })
	}
	fast, slow := named("avx512"), named("hybrid")
	if fast < 0 || slow < 0 {
		return nil
	}
	if 9*t.search[fast] > 4*t.search[slow] || 5*t.versions[fast] > 2*t.search[slow] || 9*t.hash[fast] > 4*t.hash[slow] {
		return t.kernels[fast]
	}
	return nil
}
