package gpucheck

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"stele/bench"
	"stele/engine"
	"stele/engine/pow"
)

// Blocks is the result of hashing the transactions and Merkle trees of blocks through
// the engine: what decides whether "stele verify blocks" does it on the device.
type Blocks struct {
	Bytes             int       `json:"bytes"` // of the transactions of a call
	Transactions      int       `json:"transactions"`
	Checked           uint64    `json:"checked"`              // hashes compared with the CPU's
	Rates             []float64 `json:"rates"`                // bytes per second of all lanes together, a round each
	BytesPerSecond    float64   `json:"bytes_per_second"`     // median
	CPUBytesPerSecond float64   `json:"cpu_bytes_per_second"` // of one core
	TimesCore         float64   `json:"times_core"`           // the device's rate divided by that of a core
}

// blockWork returns the work of a block of n transactions with witnesses.
func blockWork(seed string, n int) *pow.MerkleWork {
	w := &pow.MerkleWork{Data: make([]byte, n*usualMessage), Hashes: make([]pow.Hash, 2*n)}
	_, _ = seeded(seed).Read(w.Data) // never fails
	for i := range uint32(n) {
		at, second := i*usualMessage, uint32(n)+i
		w.Messages = append(w.Messages,
			pow.MerkleMessage{At: [3]uint32{at, at + 6, at + usualMessage - 4}, Size: [3]uint32{4, usualMessage / 2, 4}, Hash: i, Copy: i},
			pow.MerkleMessage{At: [3]uint32{at}, Size: [3]uint32{usualMessage}, Hash: second, Copy: second})
	}
	w.Trees = []pow.MerkleTree{{First: 0, Count: uint32(n)}, {First: uint32(n), Count: uint32(n)}}
	w.Roots, w.Mutated = make([]pow.Hash, 2), make([]bool, 2)
	return w
}

// measureBlocks compares hashes and roots with the reference, and measures the device
// with a call for each lane in flight, and one core.
func measureBlocks(ctx context.Context, rep *Report, e *engine.Engine, opts Options) error {
	n, calls := usualTree, 100
	if opts.Small {
		n, calls = 100, 1
	}
	lanes := e.MerkleLanes()
	works := make([]*pow.MerkleWork, lanes)
	for i := range works {
		works[i] = blockWork(fmt.Sprintf("gpu-check blocks %d", i), n)
	}
	rep.Blocks = Blocks{Bytes: len(works[0].Data), Transactions: n}
	for range 12 {
		start := time.Now()
		errs := make([]error, lanes)
		var all sync.WaitGroup
		for i, w := range works {
			all.Go(func() {
				for j := 0; j < calls && errs[i] == nil; j++ {
					errs[i] = e.Merkle(ctx, w)
				}
			})
		}
		all.Wait()
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		rep.Blocks.Rates = append(rep.Blocks.Rates, float64(lanes*calls*len(works[0].Data))/time.Since(start).Seconds())
	}
	rep.Blocks.Rates = rep.Blocks.Rates[1:] // the first one includes the compilation
	rep.Blocks.BytesPerSecond = bench.Median(rep.Blocks.Rates)

	var core []float64
	for i, w := range works {
		want := blockWork(fmt.Sprintf("gpu-check blocks %d", i), n)
		for range 5 {
			start := time.Now()
			want.Compute()
			core = append(core, float64(len(want.Data))/time.Since(start).Seconds())
		}
		rep.Blocks.Checked += uint64(len(want.Hashes) + len(want.Roots))
		if !slices.Equal(w.Hashes, want.Hashes) || !slices.Equal(w.Roots, want.Roots) || !slices.Equal(w.Mutated, want.Mutated) {
			rep.fault("blocks: a hash or Merkle root is wrong")
		}
	}
	rep.Blocks.CPUBytesPerSecond = bench.Median(core)
	rep.Blocks.TimesCore = rep.Blocks.BytesPerSecond / rep.Blocks.CPUBytesPerSecond
	fmt.Fprintf(opts.Log, "blocks    %.2f GB/s of blocks by the device, %.2f GB/s by one core\n",
		rep.Blocks.BytesPerSecond/1e9, rep.Blocks.CPUBytesPerSecond/1e9)
	return nil
}
