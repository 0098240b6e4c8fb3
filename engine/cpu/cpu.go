// Package cpu implements engine.Device for the CPU, with the SIMD kernels.
//
// [Open] chooses the number of threads and the kernels: the one in the options, or
// the fastest for each kind of work. The device starts no goroutines: each lane of
// the engine is one thread, which calls the kernel for about a millisecond at a
// time and checks its context between calls.
package cpu

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"stele/engine"
	"stele/engine/host"
	"stele/engine/pow"
	"stele/kernels/sig"
	"stele/kernels/simd"
)

// ID is the engine.Info.ID of the device.
const ID = "cpu"

// ErrThreads means that the number of threads is below 0 or above [MaxThreads].
var ErrThreads = errors.New("bad number of threads")

// MaxThreads is the maximum of Options.Threads.
const MaxThreads = 4096

// Options are the settings of [Open]. The zero value uses all threads and the
// fastest kernels.
type Options struct {
	Threads int    // 0: GOMAXPROCS, see host.FitProcessors
	Kernel  string // name of a simd kernel; "": the fastest for each kind of work
}

// device is the CPU. It implements engine.Device.
type device struct {
	info           engine.Info
	search, verify *simd.Kernel
}

// Open returns the device, which is safe for concurrent use. It is an engine.VersionScanner
// if a kernel searches versions of a header faster together than one after the other.
// Errors: [ErrThreads], and those of simd.Lookup and simd.Best. Choosing the kernels takes
// about 20 ms, once per process.
func Open(opts Options) (engine.Device, error) {
	if opts.Threads < 0 || opts.Threads > MaxThreads {
		return nil, fmt.Errorf("%w: %d, must be 1 to %d, or 0 for all", ErrThreads, opts.Threads, MaxThreads)
	}
	if opts.Threads == 0 {
		opts.Threads = runtime.GOMAXPROCS(0)
	}
	k, err := choose(opts.Kernel)
	if err != nil {
		return nil, err
	}
	d := &device{search: k.Search, verify: k.Hash}
	d.info = engine.Info{
		ID:           ID,
		Kind:         "cpu",
		Name:         host.CPUName(),
		Lanes:        opts.Threads,
		Pinned:       true,
		Threads:      opts.Threads,
		Features:     features(),
		SearchKernel: d.search.Name(),
		VerifyKernel: d.verify.Name(),
	}
	for _, v := range simd.Variants() {
		d.info.Kernels = append(d.info.Kernels, engine.KernelInfo(v))
	}
	if k.Versions == nil {
		return d, nil
	}
	d.info.RollKernel = k.Versions.Name()
	return &versionsDevice{d, k.Versions}, nil
}

// features returns the names of the instruction sets that this CPU has and some kernel
// requires, of the device or for signatures.
func features() []string {
	found := simd.Features()
	for _, f := range sig.Features() {
		if !slices.Contains(found, f) {
			found = append(found, f)
		}
	}
	return found
}

// choose returns the kernels to use: those of the kernel with this name, or the fastest.
func choose(name string) (simd.Choice, error) {
	if name == "" {
		return simd.Best()
	}
	k, err := simd.Lookup(name)
	if err != nil {
		return simd.Choice{}, err
	}
	c := simd.Choice{Search: k, Hash: k}
	if k.SharesVersions() {
		c.Versions = k
	}
	return c, nil
}

// Info implements engine.Device.
func (d *device) Info() engine.Info { return d.info }

// Close implements engine.Device. There is nothing to release.
func (d *device) Close() error { return nil }

// Scan implements engine.Device.
func (d *device) Scan(ctx context.Context, job *engine.Job, r pow.Range, early func([]uint32)) (engine.ScanResult, error) {
	var res engine.ScanResult
	work := simd.NewJob(&job.Header, job.Target.Bytes())
	for res.Done < r.Count {
		if err := ctx.Err(); err != nil {
			return res, err
		}
		n := min(r.Count-res.Done, simd.MaxNonces)
		known := len(res.Nonces)
		res.Nonces = d.search.Scan(work, r.First+uint32(res.Done), int(n), res.Nonces)
		res.Done += n
		if early != nil && len(res.Nonces) > known {
			early(res.Nonces[known:])
		}
	}
	return res, nil
}
