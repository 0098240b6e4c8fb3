package gpucheck

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"stele/bench"
	"stele/cgo/cuda"
	"stele/engine"
	"stele/engine/gpu"
	"stele/engine/pow"
)

// versionMask allows the number of versions that a device searches at once.
const versionMask = 0x000fe000

// measureDevice runs a part that uses the device through the engine.
func measureDevice(ctx context.Context, rep *Report, part string, opts Options) error {
	log := slog.New(slog.NewTextHandler(opts.Log, nil)) // for kernels that do not compile
	devices, absent := gpu.Open(gpu.Options{Device: rep.Device.UUID, SpotCheck: time.Second, Log: log})
	if len(devices) != 1 {
		return fmt.Errorf("the device cannot be opened: %w", absent[0].Err)
	}
	d := devices[0]
	e := engine.New([]engine.Device{d}, nil)
	defer e.Close()
	rep.Chosen = d.Info()
	fmt.Fprintf(opts.Log, "chosen    %s, %s\n", rep.Chosen.SearchKernel, rep.Chosen.RollKernel)
	if err := d.SelfTest(ctx); err != nil {
		return fmt.Errorf("self-test: %w", err)
	}
	switch part {
	case partBatch:
		return measureCopy(ctx, rep, e, opts)
	case partBlocks:
		return measureBlocks(ctx, rep, e, opts)
	case partSwitch:
		for _, mask := range []uint32{0, versionMask} {
			if err := measureSwitch(ctx, rep, d, mask, opts); err != nil {
				return err
			}
		}
		return nil
	}
	return soak(ctx, rep, d, e, opts)
}

// measureCopy compares the verdicts on a batch with the reference, and the speed of
// verifying many valid headers with that of only copying them to the device.
func measureCopy(ctx context.Context, rep *Report, e *engine.Engine, opts Options) error {
	n, some := 10_000_000, 1_000_000
	if opts.Small {
		n, some = 20_000, 5_000
	}
	bandwidth, err := pinnedCopy(rep.Device, opts.Small)
	if err != nil {
		return err
	}
	rep.Copy = Copy{PinnedBytesPerSecond: bandwidth, HostBytesPerSecond: hostCopy(opts.Small), Headers: n}
	mixed := mixedHeaders(some)
	verdicts := make([]pow.Verdict, n)
	for _, linked := range []bool{false, true} {
		if _, err := e.Verify(ctx, mixed, linked, verdicts[:some]); err != nil {
			return err
		}
		rep.checkVerdicts(mixed, linked, verdicts[:some])
	}
	headers := goodHeaders(n)
	for round := range 12 {
		start := time.Now()
		got, err := e.Verify(ctx, headers, false, verdicts)
		if err != nil {
			return err
		}
		rate := float64(n) / time.Since(start).Seconds()
		if round > 0 { // the first one warms up
			rep.Copy.Rates = append(rep.Copy.Rates, rate)
		}
		if got.Devices[0].Items != uint64(n) {
			rep.fault("verify: the device checked %d of %d headers", got.Devices[0].Items, n)
		}
	}
	rep.Copy.HeadersPerSecond = bench.Median(rep.Copy.Rates)
	rep.Copy.ShareOfCopy = rep.Copy.HeadersPerSecond * pow.HeaderSize / bandwidth
	fmt.Fprintf(opts.Log, "verify    %.1f M headers/s, %.1f %% of the copy's %.2f GB/s (within the host %.2f GB/s)\n",
		rep.Copy.HeadersPerSecond/1e6, 100*rep.Copy.ShareOfCopy, bandwidth/1e9, rep.Copy.HostBytesPerSecond/1e9)
	return nil
}

// pinnedCopy returns the bytes per second of copies from pinned memory to the device.
func pinnedCopy(d cuda.Device, small bool) (float64, error) {
	size := 256 << 20
	if small {
		size = 1 << 20
	}
	c, err := d.Open()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	s, err := c.NewStream()
	if err != nil {
		return 0, err
	}
	host, err := c.HostAlloc(size)
	if err != nil {
		return 0, err
	}
	to, err := c.Alloc(size)
	if err != nil {
		return 0, err
	}
	var rates []float64
	for range 9 {
		start := time.Now()
		if err := s.CopyToDeviceAsync(to, host); err != nil {
			return 0, err
		}
		if err := s.Synchronize(); err != nil {
			return 0, err
		}
		rates = append(rates, float64(size)/time.Since(start).Seconds())
	}
	return bench.Median(rates), nil
}

// scan searches a range with the function that the engine uses.
func scan(ctx context.Context, d *gpu.Device, job engine.Job, r pow.Range) (err error) {
	if job.VersionMask == 0 {
		_, err = d.Scan(ctx, &job, r, nil)
	} else {
		_, err = d.ScanVersions(ctx, &job, r, nil)
	}
	return err
}

// measureSwitch cancels a search, as a new job does, and measures the time until the
// first nonces of the next job are done.
func measureSwitch(ctx context.Context, rep *Report, d *gpu.Device, mask uint32, opts Options) error {
	count := 500
	if opts.Small {
		count = 5
	}
	rng := seeded("gpu-check switch")
	next := func() engine.Job {
		return engine.Job{Header: randomHeader(rng), Target: pow.ZeroBits(40), VersionMask: mask}
	}
	var took []float64
	for range count {
		old := next()
		abandon, cancel := context.WithCancel(ctx)
		stopped := make(chan struct{})
		var busy atomic.Int32
		for range 2 { // both lanes are at work
			go func() {
				busy.Add(1)
				_ = scan(abandon, d, old, pow.Range{Count: pow.NonceSpace}) // ends by cancel
				stopped <- struct{}{}
			}()
		}
		for busy.Load() < 2 {
			runtime.Gosched()
		}
		time.Sleep(10 * time.Millisecond)
		start := time.Now()
		cancel()
		err := scan(ctx, d, next(), pow.Range{Count: 1})
		took = append(took, time.Since(start).Seconds()*1e3)
		<-stopped
		<-stopped
		if err != nil {
			return err
		}
	}
	slices.Sort(took)
	kernel := rep.Chosen.SearchKernel
	if mask != 0 {
		kernel = rep.Chosen.RollKernel
	}
	sum := Switch{Kernel: kernel, Count: count, P50MS: bench.Median(took), P99MS: took[(len(took)*99-1)/100]}
	rep.Switch = append(rep.Switch, sum)
	fmt.Fprintf(opts.Log, "switch    %s: %.3f ms median, %.3f ms p99 of %d\n", sum.Kernel, sum.P50MS, sum.P99MS, sum.Count)
	return nil
}
