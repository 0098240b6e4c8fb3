package gpucheck

import (
	"context"
	"fmt"
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

// measureDevice measures the device as the engine drives it: batches, the
// change of jobs, and a long search.
func measureDevice(ctx context.Context, rep *Report, opts Options) error {
	devices, absent := gpu.Open(gpu.Options{Device: rep.Device.UUID, SpotCheck: time.Second})
	if len(devices) != 1 {
		return fmt.Errorf("the device cannot be opened: %v", absent)
	}
	d := devices[0]
	e := engine.New([]engine.Device{d}, nil)
	defer e.Close()
	if err := d.SelfTest(ctx); err != nil {
		rep.fault("self-test: %v", err)
	}
	if err := measureCopy(ctx, rep, e, opts); err != nil {
		return err
	}
	fmt.Fprintf(opts.Log, "verify    %.1f M headers/s, %.1f %% of the copy's %.2f GB/s\n",
		rep.Copy.HeadersPerSecond/1e6, 100*rep.Copy.ShareOfCopy, rep.Copy.PinnedBytesPerSecond/1e9)
	if err := measureSwitch(ctx, rep, d, opts); err != nil {
		return err
	}
	fmt.Fprintf(opts.Log, "switch    %.3f ms median, %.3f ms p99 of %d\n", rep.Switch.P50MS, rep.Switch.P99MS, rep.Switch.Count)
	return soak(ctx, rep, e, opts)
}

// measureCopy compares the check of many good headers with the bare copy of
// them to the device.
func measureCopy(ctx context.Context, rep *Report, e *engine.Engine, opts Options) error {
	n := 10_000_000
	if opts.Small {
		n = 20_000
	}
	bandwidth, err := pinnedCopy(rep.Device, opts.Small)
	if err != nil {
		return err
	}
	// Every hash meets these bits but 1 in 2^16.
	headers := make([]byte, n*pow.HeaderSize)
	_, _ = seeded("gpu-check headers").Read(headers) // never fails
	for i := range n {
		copy(headers[i*pow.HeaderSize+72:], []byte{0xff, 0xff, 0x00, 0x21})
	}
	verdicts := make([]pow.Verdict, n)
	var rates []float64
	for range 5 {
		start := time.Now()
		got, err := e.Verify(ctx, headers, false, verdicts)
		if err != nil {
			return err
		}
		rates = append(rates, float64(n)/time.Since(start).Seconds())
		if got.Devices[0].Items != uint64(n) {
			rep.fault("verify: the device checked %d of %d headers", got.Devices[0].Items, n)
		}
	}
	rep.Copy = Copy{PinnedBytesPerSecond: bandwidth, Headers: n, HeadersPerSecond: bench.Median(rates)}
	rep.Copy.ShareOfCopy = rep.Copy.HeadersPerSecond * pow.HeaderSize / bandwidth
	return nil
}

// pinnedCopy returns the bytes per second of copies of pinned memory to the
// device.
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

// measureSwitch abandons a search as a new job would, and takes the time until
// the first nonces of the next are finished.
func measureSwitch(ctx context.Context, rep *Report, d *gpu.Device, opts Options) error {
	count := 500
	if opts.Small {
		count = 5
	}
	rng := seeded("gpu-check switch")
	var took []float64
	for range count {
		old := engine.Job{Header: randomHeader(rng), Target: pow.ZeroBits(40)}
		abandon, cancel := context.WithCancel(ctx)
		stopped := make(chan struct{})
		var busy atomic.Int32
		for range 2 { // both lanes are at work
			go func() {
				busy.Add(1)
				_, _ = d.Scan(abandon, &old, pow.Range{Count: pow.NonceSpace}) // ends by cancel
				stopped <- struct{}{}
			}()
		}
		for busy.Load() < 2 {
			runtime.Gosched()
		}
		time.Sleep(10 * time.Millisecond)
		start := time.Now()
		cancel()
		job := engine.Job{Header: randomHeader(rng), Target: pow.ZeroBits(40)}
		if _, err := d.Scan(ctx, &job, pow.Range{Count: 1}); err != nil {
			return err
		}
		took = append(took, time.Since(start).Seconds()*1e3)
		<-stopped
		<-stopped
	}
	slices.Sort(took)
	rep.Switch = Switch{Count: count, P50MS: bench.Median(took), P99MS: took[(len(took)*99-1)/100]}
	return nil
}

// soak searches through the engine, with spot checks each second, and counts
// what was wrong.
func soak(ctx context.Context, rep *Report, e *engine.Engine, opts Options) error {
	const bits = 28 // leading zero bits: some tens of hits a second
	rng := seeded("gpu-check soak")
	start := time.Now()
	cpu, _ := bench.ProcessorTime()
	ctx, cancel := context.WithTimeout(ctx, opts.Soak)
	defer cancel()
	var hits uint64
	for ctx.Err() == nil {
		job := engine.Job{Header: randomHeader(rng), Target: pow.ZeroBits(bits)}
		_, err := e.Search(ctx, job, pow.Range{Count: pow.NonceSpace}, func(engine.Hit) { hits++ })
		if err != nil && ctx.Err() == nil {
			rep.fault("soak: %v", err)
			break
		}
	}
	took := time.Since(start).Seconds()
	cpuEnd, _ := bench.ProcessorTime()
	st := e.Status()[0]
	rep.Soak = SoakTotal{
		Seconds: took, Nonces: st.Nonces, Rate: float64(st.Nonces) / took,
		Hits: hits, Expected: float64(st.Nonces) / (1 << bits),
		HardwareErrors: st.HardwareErrors, State: string(st.State), Reason: st.Reason,
		CPUShare: (cpuEnd - cpu).Seconds() / took,
	}
	if st.State != engine.OK || st.HardwareErrors > 0 {
		rep.fault("soak: %d hardware errors, state %s: %s", st.HardwareErrors, st.State, st.Reason)
	}
	fmt.Fprintf(opts.Log, "soak      %.0f s, %.3f G nonces/s, %d hits (%.0f expected), %d hardware errors, state %s, %.1f %% of a core\n",
		took, rep.Soak.Rate/1e9, hits, rep.Soak.Expected, st.HardwareErrors, st.State, 100*rep.Soak.CPUShare)
	return nil
}
