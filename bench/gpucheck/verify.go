package gpucheck

import (
	"context"
	"math/bits"
	"sync"
	"time"

	"stele/bench"
	"stele/cgo/cuda"
	"stele/engine/pow"
	kernels "stele/kernels/cuda"
)

// batch has headers in device memory, and the output of the kernels.
type batch struct {
	b                    *device
	n                    int
	headers, hashes, bad cuda.DevicePtr
	host                 []byte // pinned, as large as the headers
}

func (b *device) newBatch(n int) (*batch, error) {
	t := &batch{b: b, n: n}
	var err error
	if t.headers, err = b.c.Alloc(n * pow.HeaderSize); err != nil {
		return nil, err
	}
	if t.hashes, err = b.c.Alloc(n * len(pow.Hash{})); err != nil {
		return nil, err
	}
	if t.bad, err = b.c.Alloc(t.words() * 4); err != nil {
		return nil, err
	}
	t.host, err = b.c.HostAlloc(n * pow.HeaderSize)
	return t, err
}

// words returns the number of words with the bits of the headers.
func (t *batch) words() int { return (t.n + 31) / 32 }

// put copies data to the device.
func (t *batch) put(to cuda.DevicePtr, data []byte) error {
	if err := t.b.s.CopyToDeviceAsync(to, t.host[:copy(t.host, data)]); err != nil {
		return err
	}
	return t.b.s.Synchronize()
}

// get copies n bytes from the device. They are valid until the next call.
func (t *batch) get(from cuda.DevicePtr, n int) ([]byte, error) {
	if err := t.b.s.CopyToHostAsync(t.host[:n], from); err != nil {
		return nil, err
	}
	return t.host[:n], t.b.s.Synchronize()
}

// launch queues a kernel for all headers.
func (t *batch) launch(f *cuda.Function, kind kernels.Kind, hashes cuda.DevicePtr) error {
	threads := kind.Threads()
	params := kernels.VerifyParams(uint64(t.headers), uint64(hashes), uint64(t.bad), t.n)
	return t.b.s.Launch(f, [3]int{(t.n + threads - 1) / threads, 1, 1}, [3]int{threads, 1, 1}, 0, params)
}

// free frees all memory.
func (t *batch) free() error {
	for _, p := range []cuda.DevicePtr{t.headers, t.hashes, t.bad} {
		if err := t.b.c.Free(p); err != nil {
			return err
		}
	}
	return t.b.c.HostFree(t.host)
}

// checkBatch compares the verdicts on random headers of all kinds with those of the
// reference: every bit, and for Verify every hash.
func (b *device) checkBatch(f *cuda.Function, kind kernels.Kind, got *Entry) error {
	n := 50_001
	if b.small {
		n = 1_001
	}
	t, err := b.newBatch(n)
	if err != nil {
		return err
	}
	headers := mixedHeaders(n)
	verdicts, hashes := make([]pow.Verdict, n), []byte{}
	pow.Verify(headers, true, verdicts)
	for i := range n {
		hash := pow.Sum(headers[i*pow.HeaderSize : (i+1)*pow.HeaderSize])
		hashes = append(hashes, hash[:]...)
	}
	if err := t.put(t.headers, headers); err != nil {
		return err
	}
	if kind == kernels.Link {
		if err := t.put(t.hashes, hashes); err != nil {
			return err
		}
	}
	if err := b.s.MemsetAsync(t.bad, 0, 4*t.words()); err != nil {
		return err
	}
	if err := t.launch(f, kind, t.hashes); err != nil {
		return err
	}
	bad, err := t.get(t.bad, 4*t.words())
	if err != nil {
		return err
	}
	for i, v := range verdicts {
		want := v&^pow.BadLink != pow.Valid
		if kind == kernels.Link {
			want = v&pow.BadLink != 0
		}
		got.Checked++
		if (bad[i/8]>>(i%8)&1 == 1) != want {
			got.Wrong++
		}
	}
	found, err := t.get(t.hashes, len(hashes))
	if err != nil {
		return err
	}
	for i := range n {
		if string(found[32*i:32*i+32]) != string(hashes[32*i:32*i+32]) {
			got.Wrong++
		}
	}
	return t.free()
}

// mixedHeaders returns headers of which many are valid, some have a wrong parent, and
// the targets are of all kinds.
func mixedHeaders(n int) []byte {
	rng := seeded("gpu-check verify")
	headers := make([]byte, 0, n*pow.HeaderSize)
	var parent pow.Hash
	for i := range n {
		random := randomHeader(rng)
		h, _ := pow.DecodeHeader(random[:]) // 80 bytes are always a header
		switch i % 4 {
		case 0, 1:
			h.Bits = 0x207fffff // half of all hashes meet it
		case 2:
			h.Bits = pow.Bits(0x1f000000 + bits.RotateLeft32(uint32(h.Bits)&0xffff, 8)) // near a hash
		}
		if i%8 != 5 {
			h.Prev = parent
		}
		record := h.Encode()
		headers = append(headers, record[:]...)
		parent = h.Hash()
	}
	return headers
}

// goodHeaders returns random headers with a target that all hashes meet but 1 in
// 2^16.
func goodHeaders(n int) []byte {
	headers := make([]byte, n*pow.HeaderSize)
	_, _ = seeded("gpu-check headers").Read(headers) // never fails
	for i := range n {
		copy(headers[i*pow.HeaderSize+72:], []byte{0xff, 0xff, 0x00, 0x21})
	}
	return headers
}

// rateBatch measures the verification of headers in device memory.
func (b *device) rateBatch(ctx context.Context, f *cuda.Function, got *Entry, rep *Report, sensors *watcher, opts Options) error {
	n := 1 << 20
	if b.small {
		n = 1 << 10
	}
	t, err := b.newBatch(n)
	if err != nil {
		return err
	}
	if err := t.put(t.headers, goodHeaders(n)); err != nil {
		return err
	}
	if err := b.s.MemsetAsync(t.bad, 0, 4*t.words()); err != nil {
		return err
	}
	err = b.rateLaunches(ctx, n, got, rep, sensors, opts, func() error { return t.launch(f, kernels.Verify, 0) })
	if err != nil {
		return err
	}
	return t.free()
}

// rateLaunches measures launches of n items each, which read only device memory.
func (b *device) rateLaunches(ctx context.Context, n int, got *Entry, rep *Report, sensors *watcher, opts Options, launch func() error) error {
	speed := func(rate float64) (float64, error) {
		launches := max(int(rate*opts.Slice.Seconds()/float64(n)), 1)
		if err := b.start.Record(b.s); err != nil {
			return 0, err
		}
		for range launches {
			if err := launch(); err != nil {
				return 0, err
			}
		}
		if err := b.end.Record(b.s); err != nil {
			return 0, err
		}
		if err := b.s.Synchronize(); err != nil {
			return 0, err
		}
		took, err := cuda.Elapsed(b.start, b.end)
		return float64(launches*n) / max(took, time.Microsecond).Seconds(), err
	}
	rate := 0.0
	for range 4 { // the first ones are short
		var err error
		if rate, err = speed(rate); err != nil {
			return err
		}
	}
	return b.sample(ctx, got, rep, sensors, opts, func() (float64, error) { return speed(rate) })
}

// hostCopy returns the bytes per second of copies within host memory by several
// cores together, with buffers much larger than the caches.
func hostCopy(small bool) float64 {
	size := 256 << 20
	if small {
		size = 1 << 20
	}
	from, to := make([]byte, size), make([]byte, size)
	var rates []float64
	for range 6 {
		const parts = 8
		start := time.Now()
		var copies sync.WaitGroup
		for i := range parts {
			copies.Go(func() { copy(to[i*size/parts:(i+1)*size/parts], from[i*size/parts:]) })
		}
		copies.Wait()
		rates = append(rates, float64(size)/time.Since(start).Seconds())
	}
	return bench.Median(rates[1:]) // the first one includes the page faults
}

// checkVerdicts compares the verdicts of the device on a batch with the reference.
func (r *Report) checkVerdicts(headers []byte, linked bool, got []pow.Verdict) {
	want := make([]pow.Verdict, len(got))
	pow.Verify(headers, linked, want)
	wrong := 0
	for i := range want {
		if got[i] != want[i] {
			wrong++
		}
	}
	if wrong > 0 {
		r.fault("verify: %d of %d verdicts are wrong (linked: %v)", wrong, len(want), linked)
	}
	r.Copy.Checked += uint64(len(want))
}
