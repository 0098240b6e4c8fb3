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

// testMerkle hashes messages of all small lengths and some that the host hashes, and
// trees of all small sizes, in some of which two nodes of a pair are equal.
func (s *session) testMerkle(ctx context.Context) error {
	want, got := testWork(), testWork()
	want.Compute()
	if err := s.merkle(ctx, got); err != nil {
		return fmt.Errorf("self-test of kernels hash and merkle: %w", err)
	}
	for i := range want.Hashes {
		if got.Hashes[i] != want.Hashes[i] {
			return fmt.Errorf("self-test of kernel hash: %w: hash %d is %v, must be %v", engine.ErrWrong, i, got.Hashes[i], want.Hashes[i])
		}
	}
	for i := range want.Roots {
		if got.Roots[i] != want.Roots[i] || got.Mutated[i] != want.Mutated[i] {
			return fmt.Errorf("self-test of kernel merkle: %w: tree %d has root %v (mutated: %v), must be %v (%v)", engine.ErrWrong,
				i, got.Roots[i], got.Mutated[i], want.Roots[i], want.Mutated[i])
		}
	}
	return nil
}

// testWork returns work for testMerkle. Its last hashes are input.
func testWork() *pow.MerkleWork {
	w := &pow.MerkleWork{Data: make([]byte, 5003)}
	for i := range w.Data {
		w.Data[i] = byte(7*i + i/256)
	}
	for size := range uint32(300) {
		i := uint32(len(w.Messages))
		w.Messages = append(w.Messages, pow.MerkleMessage{
			At: [3]uint32{size % 5, 4000 - size, 17 * size % 100}, Size: [3]uint32{size % 7, size, size % 6}, Hash: i, Copy: i + 400})
	}
	for _, size := range []uint32{64*maxBlocks - 9, 64*maxBlocks - 8, 5003} { // the last two are too long for the GPU
		i := uint32(len(w.Messages))
		w.Messages = append(w.Messages, pow.MerkleMessage{Size: [3]uint32{0, size, 0}, Hash: i, Copy: i})
	}
	w.Hashes = make([]pow.Hash, 800)
	for n := range uint32(60) {
		w.Trees = append(w.Trees, pow.MerkleTree{First: 5 * n, Count: n + 1}, pow.MerkleTree{First: 690, Count: n + 20})
	}
	w.Roots, w.Mutated = make([]pow.Hash, len(w.Trees)), make([]bool, len(w.Trees))
	return w
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
