package gpu

import (
	"sync/atomic"
	"time"

	"stele/engine"
	"stele/engine/pow"
	kernels "stele/kernels/cuda"
)

// engine.MaxVersions and kernels.Versions are equal: this fails to compile otherwise.
const _ = uint(kernels.Versions-engine.MaxVersions) + uint(engine.MaxVersions-kernels.Versions)

// shape is how a search is launched. It is stored in the cache.
type shape struct {
	Entry  string `json:"entry"`  // name of the kernel
	Blocks int    `json:"blocks"` // in the grid, per SM
}

// searcher searches nonces, with one version of the header or with several. It
// uses one kernel, or two while a trial compares them.
type searcher struct {
	kind     kernels.Kind
	versions uint64 // of the header: hashes per nonce
	grain    uint64 // nonces that a block does at a time
	words    int    // of a hit in device memory

	used  atomic.Pointer[variant]
	trial atomic.Pointer[trial] // nil: none
}

// variant is a kernel with its launch shape and its measured speed.
type variant struct {
	kernel  kernel
	shape   shape
	rate    atomic.Uint64 // hashes per second, 0: not measured
	largest atomic.Uint64 // maximal hashes of a launch, until the rate is reliable
}

// next returns the variant for the next launch.
func (k *searcher) next() *variant {
	if t := k.trial.Load(); t != nil {
		return t.next()
	}
	return k.used.Load()
}

// with returns a searcher of the same kind that uses only this variant.
func (k *searcher) with(v *variant) *searcher {
	one := newSingleVersion()
	if k.kind == kernels.Roll {
		one = newMultiVersion()
	}
	one.used.Store(v)
	return one
}

func newSingleVersion() *searcher {
	return &searcher{kind: kernels.Scan, versions: 1, grain: uint64(kernels.Scan.Threads()), words: 1}
}

func newMultiVersion() *searcher {
	return &searcher{kind: kernels.Roll, versions: kernels.Versions, grain: kernels.Tile, words: 2}
}

// learn updates the smoothed speed. A launch is never much longer than the
// longest before it, however high the speed seems.
func (v *variant) learn(hashes uint64, took time.Duration) {
	seen := float64(hashes) / max(took, time.Microsecond).Seconds()
	if old := float64(v.rate.Load()); old > 0 {
		seen = old + (seen-old)/4
	}
	v.rate.Store(uint64(seen))
	if 4*hashes > v.largest.Load() {
		v.largest.Store(4 * hashes)
	}
}

// work is a job for a searcher, and the variant that does it. The states of its
// versions are in the memory of the lane for which it was prepared.
type work struct {
	*searcher
	*variant
	job      *engine.Job
	prepared *kernels.Job
}

// prepare returns the work for a job, which has as many versions as the searcher.
func (s *session) prepare(l *lane, k *searcher, job *engine.Job) (work, error) {
	w := work{k, k.next(), job, kernels.NewJob(&job.Header, job.Target.Bytes())}
	if k.kind == kernels.Scan {
		return w, nil
	}
	var states []byte
	for i := range k.versions {
		header := job.WithVersion(i)
		states = append(states, kernels.VersionState(&header)...)
	}
	return w, s.do(l, "copying the versions of a header", func() error {
		copy(l.states, states)
		if err := l.queue.upload(l.versions, l.states); err != nil {
			return err
		}
		return l.queue.wait()
	})
}

// with returns the same work with another target.
func (w work) with(target pow.Target) work {
	job := *w.job
	job.Target = target
	w.job, w.prepared = &job, kernels.NewJob(&job.Header, target.Bytes())
	return w
}

// params returns the parameter of a launch.
func (w work) params(l *lane, r pow.Range, rounds uint64) []byte {
	share := kernels.Range{First: r.First, Count: r.Count, Rounds: uint32(rounds)}
	if w.kind == kernels.Roll {
		return w.prepared.RollParams(share, uint64(l.versions), uint64(l.hits))
	}
	return w.prepared.ScanParams(share, uint64(l.hits))
}
