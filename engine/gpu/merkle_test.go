package gpu

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"stele/cgo/cuda"
	"stele/engine"
	"stele/engine/pow"
	kernels "stele/kernels/cuda"
)

func equalWork(a, b *pow.MerkleWork) bool {
	return slices.Equal(a.Hashes, b.Hashes) && slices.Equal(a.Roots, b.Roots) && slices.Equal(a.Mutated, b.Mutated)
}

// randomWork returns work of n messages, each the only leaf or one of many of a tree.
func randomWork(seed uint64, n int) *pow.MerkleWork {
	rng := rand.New(rand.NewPCG(seed, 1))
	w := &pow.MerkleWork{Data: make([]byte, 20_000), Hashes: make([]pow.Hash, n+3)}
	for i := range w.Data {
		w.Data[i] = byte(rng.Uint32())
	}
	for i := range n {
		m := pow.MerkleMessage{Hash: uint32(i), Copy: uint32(i)}
		for j := range m.At {
			size := rng.IntN(1 << rng.IntN(13))
			m.At[j], m.Size[j] = uint32(rng.IntN(len(w.Data)-size)), uint32(size)
		}
		w.Messages = append(w.Messages, m)
	}
	for at := 0; at < len(w.Hashes); {
		size := 1 + rng.IntN(min(40, len(w.Hashes)-at))
		w.Trees = append(w.Trees, pow.MerkleTree{First: uint32(at), Count: uint32(size)})
		at += size
	}
	w.Roots, w.Mutated = make([]pow.Hash, len(w.Trees)), make([]bool, len(w.Trees))
	return w
}

func TestMerkle(t *testing.T) {
	f := newFake(1)
	d := openOne(t, f, quick())
	var calls sync.WaitGroup
	for i, n := range []int{0, 1, 2, 100, 500} { // more than there are lanes
		calls.Go(func() {
			got, want := randomWork(uint64(i), n), randomWork(uint64(i), n)
			want.Compute()
			if err := d.Merkle(t.Context(), got); err != nil || !equalWork(got, want) {
				t.Errorf("%d messages: %v, equal: %v", n, err, equalWork(got, want))
			}
		})
	}
	calls.Wait()
	if err := d.Merkle(t.Context(), &pow.MerkleWork{}); err != nil {
		t.Errorf("nothing: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Merkle(ctx, randomWork(1, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Work that does not fit is rejected, and the device works on.
func TestMerkleTooLarge(t *testing.T) {
	f := newFake(1)
	d := openOne(t, f, quick())
	for name, w := range map[string]*pow.MerkleWork{
		"data":     {Data: make([]byte, maxData+1)},
		"messages": {Messages: make([]pow.MerkleMessage, maxHashes+1), Hashes: make([]pow.Hash, 1)},
		"hashes":   {Hashes: make([]pow.Hash, maxHashes+1)},
		"trees":    {Hashes: make([]pow.Hash, 1), Trees: slices.Repeat([]pow.MerkleTree{{First: 0, Count: 1}}, maxTrees+1)},
		"nodes":    {Hashes: make([]pow.Hash, 1000), Trees: slices.Repeat([]pow.MerkleTree{{First: 0, Count: 1000}}, 200)},
	} {
		w.Roots, w.Mutated = make([]pow.Hash, len(w.Trees)), make([]bool, len(w.Trees))
		if err := d.Merkle(t.Context(), w); !errors.Is(err, engine.ErrUnable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	full := &pow.MerkleWork{Data: make([]byte, maxData), Hashes: make([]pow.Hash, maxHashes)}
	full.Messages = []pow.MerkleMessage{{At: [3]uint32{maxData - 9}, Size: [3]uint32{9}, Hash: maxHashes - 1, Copy: 7}}
	full.Trees = slices.Repeat([]pow.MerkleTree{{First: maxHashes - 1, Count: 1}}, maxTrees)
	full.Roots, full.Mutated = make([]pow.Hash, maxTrees), make([]bool, maxTrees)
	if err := d.Merkle(t.Context(), full); err != nil || full.Roots[maxTrees-1] != pow.Sum(make([]byte, 9)) || full.Hashes[7] != full.Roots[0] {
		t.Errorf("as much as fits: %v", err)
	}
}

// A GPU that hashes wrongly is found by its self-test, and one that does so later by the
// engine.
func TestMerkleWrong(t *testing.T) {
	spoil := func(hashes []byte) {
		for at := 0; at < len(hashes); at += 32 {
			hashes[at] ^= 1
		}
	}
	f := newFake(1)
	d := openOne(t, f, quick())
	f.hashes = spoil
	if err := d.Merkle(t.Context(), randomWork(1, 9)); !errors.Is(err, engine.ErrWrong) {
		t.Errorf("self-test: %v", err)
	}

	f = newFake(1)
	devices, _ := open(f.system, quick())
	e := engine.New([]engine.Device{engine.Reference(), devices[0]}, nil)
	defer e.Close()
	if err := e.Merkle(t.Context(), randomWork(1, 9)); err != nil || e.MerkleLanes() != lanes {
		t.Errorf("%v, %d lanes", err, e.MerkleLanes())
	}
	f.hashes = spoil
	if err := e.Merkle(t.Context(), randomWork(1, 9)); !errors.Is(err, engine.ErrWrong) || e.MerkleLanes() != 0 {
		t.Errorf("spot check: %v, %d lanes", err, e.MerkleLanes())
	}
	if err := e.Merkle(t.Context(), randomWork(1, 9)); !errors.Is(err, engine.ErrNoDevice) {
		t.Errorf("a sick device: %v", err)
	}
}

// A driver that does not compile a kernel costs no more than the kernel.
func TestMerkleRejected(t *testing.T) {
	for _, name := range []string{"hash", "merkle"} {
		f := newFake(1)
		f.loading = func(e kernels.Entry) error {
			if e.Name == name {
				return fmt.Errorf("%w: ptxas", cuda.ErrInvalidImage)
			}
			return nil
		}
		d := openOne(t, f, quick())
		for range 2 {
			if err := d.Merkle(t.Context(), randomWork(1, 9)); !errors.Is(err, engine.ErrUnable) || !errors.Is(err, cuda.ErrInvalidImage) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := d.SelfTest(t.Context()); err != nil {
			t.Errorf("%s: then %v", name, err)
		}
	}
}

// BenchmarkMerkleHost measures what the host does for a megabyte of transactions that a
// GPU hashes, and what it would do without the GPU: x-compute is the ratio.
func BenchmarkMerkleHost(b *testing.B) {
	const n, size = 2500, 400
	w := &pow.MerkleWork{Data: make([]byte, n*size), Hashes: make([]pow.Hash, n), Roots: make([]pow.Hash, 1), Mutated: make([]bool, 1)}
	for i := range uint32(n) {
		w.Messages = append(w.Messages, pow.MerkleMessage{At: [3]uint32{i * size}, Size: [3]uint32{size}, Hash: i, Copy: i})
	}
	w.Trees = []pow.MerkleTree{{First: 0, Count: n}}
	f := &forest{data: make([]byte, maxData), messages: make([]byte, maxHashes*kernels.MessageSize),
		hashes: make([]byte, maxHashes*hashSize), trees: make([]byte, 16), roots: make([]byte, 32), mutated: make([]byte, 4)}
	var host, compute time.Duration
	for b.Loop() {
		start := time.Now()
		f.fill(w)
		f.read(w)
		host += time.Since(start)
		start = time.Now()
		w.Compute()
		compute += time.Since(start)
	}
	b.ReportMetric(float64(b.N*n*size)/host.Seconds()/1e9, "GB/s")
	b.ReportMetric(compute.Seconds()/host.Seconds(), "x-compute")
}
