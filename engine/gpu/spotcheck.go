package gpu

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"stele/engine"
	"stele/engine/pow"
	"stele/kernels/simd"
)

// spotHashes is how many hashes a spot check computes on the CPU, which takes
// about a millisecond. spotZeros is the number of leading zero bits of its target.
const (
	spotHashes = 1 << 14
	spotZeros  = 6
)

// spotCheck searches small parts of the GPU's ranges again on the CPU, at regular
// intervals. Safe for concurrent use.
type spotCheck struct {
	every time.Duration
	next  atomic.Int64 // time of the next check, in Unix nanoseconds
}

func newSpotCheck(every time.Duration) *spotCheck {
	c := &spotCheck{every: every}
	c.next.Store(time.Now().Add(every).UnixNano())
	return c
}

// due reports true to one caller per interval. A nil spotCheck is never due.
func (c *spotCheck) due() bool {
	if c == nil {
		return false
	}
	now, next := time.Now(), c.next.Load()
	return now.UnixNano() >= next && c.next.CompareAndSwap(next, now.Add(c.every).UnixNano())
}

// check searches a random part of r again, with all versions. hits are those of
// the GPU in r. Its hits in the part must equal those of the CPU, and so must the
// larger set that the GPU finds in the part at an easy target.
func (c *spotCheck) check(s *session, l *lane, w work, r pow.Range, hits []engine.Candidate) error {
	part := pow.Range{First: r.First, Count: min(r.Count, spotHashes/w.versions)}
	if rest := r.Count - part.Count; rest > 0 {
		part.First += uint32(rand.Uint64N(rest + 1))
	}
	easy := w.with(easier(w.job.Target))
	want, err := onCPU(easy.job, part)
	if err != nil {
		return err
	}
	found, err := s.search(l, easy, part)
	if err != nil {
		return err
	}
	if err := compare(part, exact(easy.job, found), want); err != nil {
		return err
	}
	want = slices.DeleteFunc(want, func(c engine.Candidate) bool { return !w.job.Target.MetBy(hashOf(w.job, c)) })
	var inPart []engine.Candidate
	for _, h := range hits {
		if uint64(h.Nonce-part.First) < part.Count {
			inPart = append(inPart, h)
		}
	}
	return compare(part, inPart, want)
}

// easier returns the easier of t and the target of spot checks.
func easier(t pow.Target) pow.Target {
	easy := pow.ZeroBits(spotZeros)
	if t.Cmp(easy) > 0 {
		return t
	}
	return easy
}

// onCPU returns the hits in a range with all versions of a job, in the order of
// sortFrom.
func onCPU(job *engine.Job, r pow.Range) (hits []engine.Candidate, err error) {
	best, err := simd.Best()
	if err != nil {
		return nil, err
	}
	for i := range job.Versions() {
		header := job.WithVersion(i)
		for _, nonce := range best.Search.ScanRange(simd.NewJob(&header, job.Target.Bytes()), r.First, r.Count) {
			hits = append(hits, engine.Candidate{Nonce: nonce, Version: uint32(i)})
		}
	}
	sortFrom(r.First, hits)
	return hits, nil
}

// compare returns nil if got and want are equal, otherwise an error of the kind
// engine.ErrWrong with the differences. Both are in the order of sortFrom.
func compare(r pow.Range, got, want []engine.Candidate) error {
	if slices.Equal(got, want) {
		return nil
	}
	var missed, wrong []engine.Candidate
	for _, c := range want {
		if !slices.Contains(got, c) {
			missed = append(missed, c)
		}
	}
	for i, c := range got {
		if !slices.Contains(want, c) || slices.Contains(got[:i], c) {
			wrong = append(wrong, c)
		}
	}
	return fmt.Errorf("%w: in %d nonces from %d on with %d hits, the GPU missed %s and wrongly reported %s",
		engine.ErrWrong, r.Count, r.First, len(want), list(missed), list(wrong))
}

// list formats the first few candidates: the nonce, and after a slash the index of
// the version unless that is 0.
func list(all []engine.Candidate) string {
	const maxListed = 4
	if len(all) == 0 {
		return "none"
	}
	var names []string
	for _, c := range all[:min(len(all), maxListed)] {
		name := strconv.FormatUint(uint64(c.Nonce), 10)
		if c.Version > 0 {
			name += fmt.Sprintf("/%d", c.Version)
		}
		names = append(names, name)
	}
	if len(all) > maxListed {
		names = append(names, "and others")
	}
	return fmt.Sprintf("%d (%s)", len(all), strings.Join(names, " "))
}
