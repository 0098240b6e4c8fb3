package gpu

import (
	"context"
	"fmt"

	"stele/engine"
	"stele/engine/pow"
	kernels "stele/kernels/cuda"
)

// SelfTest compares searches with the CPU and verdicts with the reference. The
// error is of the kind engine.ErrWrong if an answer is wrong.
func (d *Device) SelfTest(ctx context.Context) error {
	s, err := d.current()
	if err != nil {
		return err
	}
	return s.selfTest(ctx)
}

// selfTest tests both searchers, and verifies a chain of headers with every kind
// of verdict.
func (s *session) selfTest(ctx context.Context) error {
	for _, k := range []*searcher{s.singleVersion, s.multiVersion} {
		if err := s.testSearch(ctx, k); err != nil {
			return err
		}
	}
	headers := testChain(300)
	want, got := make([]pow.Verdict, 300), make([]pow.Verdict, 300)
	for _, linked := range []bool{false, true} {
		pow.Verify(headers, linked, want)
		if err := s.verify(ctx, headers, linked, got); err != nil {
			return fmt.Errorf("self-test of kernel verify: %w", err)
		}
		for i := range want {
			if got[i] != want[i] {
				return fmt.Errorf("self-test of kernel verify: %w: verdict %q for header %d, must be %q", engine.ErrWrong, got[i], i, want[i])
			}
		}
	}
	return nil
}

// testSearch searches a range with 2^32-1 and 0 in its middle, with the number of
// versions of the searcher.
func (s *session) testSearch(ctx context.Context, k *searcher) error {
	job, r := engine.Job{}, pow.Range{First: 1<<32 - 2000, Count: 5000}
	if k.kind == kernels.Roll {
		job.VersionMask, r = 0x000fe000, pow.Range{First: 1<<32 - 40, Count: 100}
	}
	for i := range job.Header {
		job.Header[i] = byte(7 * i)
	}
	for _, zeros := range []int{0, 6} {
		job.Target = pow.ZeroBits(zeros)
		want, err := onCPU(&job, r)
		if err != nil {
			return err
		}
		got, _, err := s.scan(ctx, k, &job, r, nil)
		if err == nil {
			err = compare(r, got, want)
		}
		if err != nil {
			return fmt.Errorf("self-test of kernel %s: %w", k.used.Load().shape.Entry, err)
		}
	}
	return nil
}

// testChain returns n headers, most of them valid.
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
