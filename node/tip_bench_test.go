package node

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/engine"
	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/store"
)

// watching is a device that finds nothing, and sends the parent of each job that it
// begins to search.
type watching struct{ parents chan pow.Hash }

func (w *watching) Info() engine.Info { return engine.Info{ID: "watching", Kind: "test", Lanes: 1} }

func (w *watching) Scan(ctx context.Context, job *engine.Job, r pow.Range, _ func([]uint32)) (engine.ScanResult, error) {
	w.parents <- pow.Hash(job.Header[4:36])
	select {
	case <-ctx.Done():
		return engine.ScanResult{}, ctx.Err()
	case <-time.After(time.Millisecond):
		return engine.ScanResult{Done: r.Count}, nil
	}
}

func (w *watching) Verify(_ context.Context, headers []byte, linked bool, verdicts []pow.Verdict) error {
	pow.Verify(headers, linked, verdicts)
	return nil
}

func (w *watching) Close() error { return nil }

// BenchmarkTipToDevice is the time from a block that somebody submits to the chain
// until a device searches a header on top of it, with an empty pool and a store in
// memory: the median and the slowest of all blocks.
func BenchmarkTipToDevice(b *testing.B) {
	device := &watching{parents: make(chan pow.Hash, 1<<10)}
	e := engine.New([]engine.Device{device}, nil)
	defer e.Close()
	builder := chaintest.New(chaintest.Network(), 1)
	n, err := Open(b.Context(), Options{
		Params: builder.Params, Dir: "store", Engine: e, Store: store.Options{FS: vfs.NewMem()}, now: builder.Now,
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error)
	go func() { done <- n.Run(ctx) }()
	tip := builder.Genesis
	for <-device.parents != tip.Hash() {
	}
	var took []time.Duration
	for b.Loop() {
		b.StopTimer()
		tip = builder.Extend(tip)
		b.StartTimer()
		start := time.Now()
		if _, err := n.chain.Submit(tip.Block); err != nil {
			b.Fatal(err)
		}
		for <-device.parents != tip.Hash() {
		}
		took = append(took, time.Since(start))
	}
	cancel()
	for ended := false; !ended; {
		select {
		case <-device.parents:
		case err := <-done:
			ended = true
			if err != nil {
				b.Error(err)
			}
		}
	}
	if err := n.Close(); err != nil {
		b.Error(err)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "µs/median")
	b.ReportMetric(float64(took[len(took)-1].Nanoseconds())/1e3, "µs/slowest")
}
