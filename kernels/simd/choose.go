package simd

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"stele/engine/pow"
)

// Variant tells whether a kernel can be used here, and if not, why.
type Variant struct {
	Name      string
	Available bool
	Reason    string // why it is not available
}

// Variants returns all kernels that the program knows, the widest first.
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

// Lookup returns the kernel called name, or an error that says why it cannot
// be used.
func Lookup(name string) (*Kernel, error) {
	k, err := known(name)
	if err != nil {
		return nil, err
	}
	if err := k.usable(); err != nil {
		return nil, fmt.Errorf("kernel %q cannot be used: %w", name, err)
	}
	return k, nil
}

func known(name string) (*Kernel, error) {
	var names []string
	for _, k := range kernels {
		if k.name == name {
			return k, nil
		}
		names = append(names, k.name)
	}
	return nil, fmt.Errorf("unknown kernel %q: the CPU kernels are %s", name, strings.Join(names, ", "))
}

// usable returns why the kernel cannot be used, or nil.
func (k *Kernel) usable() error {
	if k.search == nil {
		return fmt.Errorf("not made for this architecture")
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
	allowed, err := parseEnv(os.Getenv(EnvVar))
	if err != nil {
		return err
	}
	if !allowed(k.name) {
		return fmt.Errorf("switched off by %s=%s", EnvVar, os.Getenv(EnvVar))
	}
	return k.selfTest()
}

// EnvVar is the environment variable that chooses or switches off kernels.
const EnvVar = "STELE_CPU"

// parseEnv reads the value of STELE_CPU: names to allow, or names after a
// minus sign to switch off, separated by commas.
func parseEnv(value string) (allowed func(name string) bool, err error) {
	var only, off []string
	for f := range strings.SplitSeq(value, ",") {
		f = strings.TrimSpace(f)
		name, minus := strings.CutPrefix(f, "-")
		if f == "" {
			continue
		}
		if _, err := known(name); err != nil {
			return nil, fmt.Errorf("%s=%s: %w", EnvVar, value, err)
		}
		if minus {
			off = append(off, name)
		} else {
			only = append(only, name)
		}
	}
	return func(name string) bool {
		return !slices.Contains(off, name) && (len(only) == 0 || slices.Contains(only, name))
	}, nil
}

// Best returns the fastest kernels for Scan and for Hash that can be used
// here. The first call measures, for about 20 ms. The error tells that
// STELE_CPU leaves nothing to choose from.
func Best() (search, hash *Kernel, err error) {
	b := best()
	return b.search, b.hash, b.err
}

type choice struct {
	search, hash *Kernel
	err          error
}

var best = sync.OnceValue(func() choice {
	var usable []*Kernel
	for _, k := range kernels {
		if k.usable() == nil {
			usable = append(usable, k)
		}
	}
	switch len(usable) {
	case 0:
		if _, err := parseEnv(os.Getenv(EnvVar)); err != nil {
			return choice{err: err}
		}
		return choice{err: fmt.Errorf("%s=%s leaves no kernel that this CPU can run", EnvVar, os.Getenv(EnvVar))}
	case 1:
		return choice{search: usable[0], hash: usable[0]}
	}
	usable = slices.DeleteFunc(usable, func(k *Kernel) bool { return k.need == nil }) // plain Go is never faster
	job := NewJob(new([pow.HeaderSize]byte), pow.Target{})
	hashes, headers := make([]pow.Hash, 1024), make([]byte, 1024*pow.HeaderSize)
	return choice{
		search: fastest(usable, func(k *Kernel) { k.Scan(job, 0, 4096, nil) }),
		hash:   fastest(usable, func(k *Kernel) { k.Hash(hashes, headers) }),
	}
})

// fastest returns the kernel with the shortest time for work, after 10 ms of
// taking turns: neighbours on the machine can slow a turn, never hasten it.
func fastest(from []*Kernel, work func(*Kernel)) *Kernel {
	shortest := make([]time.Duration, len(from))
	for start := time.Now(); time.Since(start) < 10*time.Millisecond; {
		for i, k := range from {
			t := time.Now()
			work(k)
			if d := time.Since(t); shortest[i] == 0 || d < shortest[i] {
				shortest[i] = d
			}
		}
	}
	return from[slices.Index(shortest, slices.Min(shortest))]
}
