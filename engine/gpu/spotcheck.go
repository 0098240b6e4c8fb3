package gpu

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"stele/engine"
	"stele/engine/pow"
	kernels "stele/kernels/cuda"
	"stele/kernels/simd"
)

// spotNonces is how many nonces a spot check searches on the CPU, about a
// millisecond; spotZeros is the leading zero bits of its target.
const (
	spotNonces = 1 << 14
	spotZeros  = 6
)

// spotCheck searches a small part of what the GPU has searched again, on the
// CPU, now and then.
type spotCheck struct {
	every time.Duration
	next  atomic.Int64 // when, in Unix nanoseconds
}

func newSpotCheck(every time.Duration) *spotCheck {
	c := &spotCheck{every: every}
	c.next.Store(time.Now().Add(every).UnixNano())
	return c
}

// due tells one of its callers that it is time.
func (c *spotCheck) due() bool {
	if c == nil {
		return false
	}
	now, next := time.Now(), c.next.Load()
	return now.UnixNano() >= next && c.next.CompareAndSwap(next, now.Add(c.every).UnixNano())
}

// check searches a random part of r, in which the GPU found hits. The hits in
// that part must be those that the CPU finds, and so must be the larger set
// that the GPU finds there at an easy target.
func (c *spotCheck) check(s *session, l *lane, job *engine.Job, r pow.Range, hits []uint32) error {
	part := pow.Range{First: r.First, Count: min(r.Count, spotNonces)}
	if rest := r.Count - part.Count; rest > 0 {
		part.First += uint32(rand.Uint64N(rest + 1))
	}
	easy := *job
	easy.Target = easier(job.Target)
	want, err := onCPU(&easy, part)
	if err != nil {
		return err
	}
	found, err := s.search(l, kernels.NewJob(&easy.Header, easy.Target), part)
	if err != nil {
		return err
	}
	if err := compare(part, exact(&easy, found), want); err != nil {
		return err
	}
	header := job.Header
	want = slices.DeleteFunc(want, func(nonce uint32) bool {
		pow.SetNonce(&header, nonce)
		return !job.Target.MetBy(pow.Sum(header[:]))
	})
	var inPart []uint32
	for _, nonce := range hits {
		if uint64(nonce-part.First) < part.Count {
			inPart = append(inPart, nonce)
		}
	}
	return compare(part, inPart, want)
}

// easier returns the easier one of a target and that of spot checks.
func easier(t pow.Target) pow.Target {
	easy := pow.ZeroBits(spotZeros)
	if t.Cmp(easy) > 0 {
		return t
	}
	return easy
}

// onCPU returns the hits of a range, in its order.
func onCPU(job *engine.Job, r pow.Range) ([]uint32, error) {
	k, _, err := simd.Best()
	if err != nil {
		return nil, err
	}
	return k.ScanRange(simd.NewJob(&job.Header, job.Target), r), nil
}

// compare returns nil if got is the set want; otherwise an error of the kind
// engine.ErrWrong that tells the differences. Both are in the order of r.
func compare(r pow.Range, got, want []uint32) error {
	if slices.Equal(got, want) {
		return nil
	}
	var missed, wrong []uint32
	for _, nonce := range want {
		if !slices.Contains(got, nonce) {
			missed = append(missed, nonce)
		}
	}
	for i, nonce := range got {
		if !slices.Contains(want, nonce) || slices.Contains(got[:i], nonce) {
			wrong = append(wrong, nonce)
		}
	}
	return fmt.Errorf("%w: among the %d nonces from %d on, of which %d are good, the GPU missed %s and reported %s wrongly",
		engine.ErrWrong, r.Count, r.First, len(want), list(missed), list(wrong))
}

// list names the first few of some nonces.
func list(nonces []uint32) string {
	const most = 4
	switch {
	case len(nonces) == 0:
		return "none"
	case len(nonces) > most:
		return fmt.Sprintf("%d (%v and others)", len(nonces), nonces[:most])
	}
	return fmt.Sprintf("%d %v", len(nonces), nonces)
}

// SelfTest searches and checks with known answers: those of the CPU and of the
// reference. The error is of the kind engine.ErrWrong if an answer is not as
// it must be.
func (d *Device) SelfTest(ctx context.Context) error {
	s, err := d.current()
	if err != nil {
		return err
	}
	return s.selfTest(ctx)
}

// selfTest searches a range that has its hits at 2^32-1 and 0 in the middle,
// and checks a chain of headers that are good and bad in all ways.
func (s *session) selfTest(ctx context.Context) error {
	var job engine.Job
	for i := range job.Header {
		job.Header[i] = byte(7 * i)
	}
	for _, zeros := range []int{0, 6} {
		job.Target = pow.ZeroBits(zeros)
		r := pow.Range{First: 1<<32 - 2000, Count: 5000}
		want, err := onCPU(&job, r)
		if err != nil {
			return err
		}
		got, err := s.scan(ctx, &job, r)
		if err == nil {
			err = compare(r, got.Nonces, want)
		}
		if err != nil {
			return fmt.Errorf("self-test of kernel %s: %w", s.shape.Entry, err)
		}
	}

	headers := testChain(300)
	want, got := make([]pow.Verdict, 300), make([]pow.Verdict, 300)
	for _, linked := range []bool{false, true} {
		pow.Verify(headers, linked, want)
		if err := s.check(ctx, headers, linked, got); err != nil {
			return fmt.Errorf("self-test of kernel verify: %w", err)
		}
		for i := range want {
			if got[i] != want[i] {
				return fmt.Errorf("self-test of kernel verify: %w: %q of header %d, it is %q", engine.ErrWrong, got[i], i, want[i])
			}
		}
	}
	return nil
}

// testChain returns n headers, most of them good.
func testChain(n int) []byte {
	bits := []pow.Bits{0x207fffff, 0x2100ffff, 0x1f7fffff, 0x20800000, 0, 0x03000001, 0x22000001, 0xff123456, 0x04923456}
	var headers []byte
	var parent pow.Hash
	for i := range n {
		h := pow.Header{Version: uint32(i), Prev: parent, Nonce: uint32(i * i), Bits: 0x207fffff}
		if i%3 == 0 {
			h.Bits = bits[i/3%len(bits)]
		}
		if i%5 == 1 {
			h.Prev[i%32] ^= 1 << (i % 8)
		}
		record := h.Encode()
		headers = append(headers, record[:]...)
		parent = h.Hash()
	}
	return headers
}
