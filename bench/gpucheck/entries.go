package gpucheck

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"stele/bench"
	"stele/cgo/cuda"
	"stele/engine/pow"
	kernels "stele/kernels/cuda"
	"stele/kernels/simd"
)

// capacity is the maximal number of hits of a launch.
const capacity = 1 << 16

// device is an open device with the buffers of the kernels.
type device struct {
	c        *cuda.Context
	s        *cuda.Stream
	start    *cuda.Event
	end      *cuda.Event
	hits     cuda.DevicePtr
	versions cuda.DevicePtr
	host     []byte // pinned: hits
	small    bool
}

func openDevice(d cuda.Device, small bool) (*device, error) {
	c, err := d.Open()
	if err != nil {
		return nil, err
	}
	b := &device{c: c, small: small}
	err = func() (err error) {
		if b.s, err = c.NewStream(); err != nil {
			return err
		}
		if b.start, err = c.NewEvent(true); err != nil {
			return err
		}
		if b.end, err = c.NewEvent(true); err != nil {
			return err
		}
		if b.hits, err = c.Alloc(8 + 8*capacity); err != nil {
			return err
		}
		if b.versions, err = c.Alloc(64 * kernels.Versions); err != nil {
			return err
		}
		b.host, err = c.HostAlloc(8 + 8*capacity)
		return err
	}()
	if err != nil {
		_ = c.Close() // the first error says more
		return nil, err
	}
	return b, nil
}

// launch runs a search once and returns its time on the GPU and the words of its hits.
func (b *device) launch(f *cuda.Function, blocks, threads, wordsPerHit int, params []byte) (time.Duration, []uint32, error) {
	binary.LittleEndian.PutUint32(b.host, 0)
	binary.LittleEndian.PutUint32(b.host[4:], capacity)
	steps := []func() error{
		func() error { return b.s.CopyToDeviceAsync(b.hits, b.host[:8]) },
		func() error { return b.start.Record(b.s) },
		func() error { return b.s.Launch(f, [3]int{blocks, 1, 1}, [3]int{threads, 1, 1}, 0, params) },
		func() error { return b.end.Record(b.s) },
		func() error { return b.s.CopyToHostAsync(b.host, b.hits) },
		b.s.Synchronize,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return 0, nil, err
		}
	}
	took, err := cuda.Elapsed(b.start, b.end)
	if err != nil {
		return 0, nil, err
	}
	n := binary.LittleEndian.Uint32(b.host)
	if n > capacity {
		return took, nil, fmt.Errorf("%d hits in one launch, expected at most %d", n, capacity)
	}
	words := make([]uint32, int(n)*wordsPerHit)
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(b.host[8+4*i:])
	}
	return took, words, nil
}

// measureEntry checks a kernel, and measures it if it hashes. After an error the
// report has the results so far.
func measureEntry(ctx context.Context, rep *Report, e kernels.Entry, sensors *watcher, opts Options) error {
	b, err := openDevice(rep.Device, opts.Small)
	if err != nil {
		return err
	}
	defer b.c.Close()
	rep.Entries = append(rep.Entries, Entry{Name: e.Name, Kind: e.Kind, PTX: digest(e.PTX)})
	got := &rep.Entries[len(rep.Entries)-1]
	start := time.Now()
	m, log, err := b.c.LoadPTX(e.PTX)
	got.Log, got.LoadMS = log, time.Since(start).Seconds()*1e3
	if err != nil {
		return err
	}
	f, err := m.Function(e.Name)
	if err != nil {
		return err
	}
	if got.Attributes, err = f.Attributes(); err != nil {
		return err
	}
	switch e.Kind {
	case kernels.Scan:
		err = b.checkScan(f, got)
	case kernels.Roll:
		err = b.checkRoll(f, got)
	case kernels.Hash:
		err = b.checkHash(f, got)
	case kernels.Merkle:
		err = b.checkMerkle(f, got)
	default:
		err = b.checkBatch(f, e.Kind, got)
	}
	if got.Wrong > 0 {
		rep.fault("%s: %d of %d answers are wrong", e.Name, got.Wrong, got.Checked)
	}
	switch {
	case err != nil:
	case e.Kind == kernels.Scan || e.Kind == kernels.Roll:
		err = b.rate(ctx, f, e.Kind, got, rep, sensors, opts)
	case e.Kind == kernels.Verify:
		err = b.rateBatch(ctx, f, got, rep, sensors, opts)
	case e.Kind == kernels.Hash:
		err = b.rateHash(ctx, f, got, rep, sensors, opts)
	case e.Kind == kernels.Merkle:
		err = b.rateMerkle(ctx, f, got, rep, sensors, opts)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(opts.Log, "%-8s  %d registers, %d of %d answers wrong, %.3f G/s, %.1f %% of its bound\n",
		e.Name, got.Attributes.Registers, got.Wrong, got.Checked, got.Rate/1e9, 100*got.ShareOf)
	return m.Unload()
}

func randomHeader(rng *rand.ChaCha8) (h [pow.HeaderSize]byte) {
	_, _ = rng.Read(h[:]) // never fails
	return h
}

func seeded(text string) *rand.ChaCha8 {
	var seed [32]byte
	copy(seed[:], text)
	return rand.NewChaCha8(seed)
}

// checkScan compares the full sets of nonces of random headers with those of the
// CPU, in ranges at both ends of the nonce space, across its end, and of odd sizes.
func (b *device) checkScan(f *cuda.Function, got *Entry) error {
	rng := seeded("gpu-check scan")
	many := uint64(1 << 22)
	if b.small {
		many = 1 << 12
	}
	ranges := []kernels.Range{
		{First: 0, Count: 1}, {First: 1<<32 - 1, Count: 1}, {First: 1<<32 - 777, Count: 1999},
		{First: 0, Count: many}, {First: -uint32(many), Count: many},
		{First: 0x7ffffff1, Count: many - 13},
	}
	for i, r := range ranges {
		header := randomHeader(rng)
		target := pow.ZeroBits(10)
		if r.Count < 1<<13 {
			target = pow.ZeroBits(i % 3)
		}
		blocks := min(64, int(r.Count+255)/256)
		r.Rounds = uint32((r.Count + uint64(256*blocks) - 1) / uint64(256*blocks))
		_, nonces, err := b.launch(f, blocks, 256, 1, kernels.NewJob(&header, target.Bytes()).ScanParams(r, uint64(b.hits)))
		if err != nil {
			return err
		}
		want := onCPU(&header, target, r.First, r.Count)
		got.Checked += r.Count
		missed, wrong := differences(want, nonces)
		got.Wrong += missed + wrong
	}
	return nil
}

// onCPU returns the hits in a range. The low 224 bits of all targets here are ones, so
// that the top 32 bits decide, which the kernels compare.
func onCPU(header *[pow.HeaderSize]byte, target pow.Target, first uint32, count uint64) []uint32 {
	best, err := simd.Best()
	if err != nil {
		panic(err) // STELE_CPU leaves nothing
	}
	return best.Search.ScanRange(simd.NewJob(header, target.Bytes()), first, count)
}

// differences returns how many elements of the set want are missing in got, and how
// many of got are not in want or are duplicates.
func differences(want, got []uint32) (missed, wrong uint64) {
	want, got = slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))
	for len(want) > 0 && len(got) > 0 {
		switch {
		case want[0] == got[0]:
			want, got = want[1:], got[1:]
		case want[0] < got[0]:
			want, missed = want[1:], missed+1
		default:
			got, wrong = got[1:], wrong+1
		}
	}
	return missed + uint64(len(want)), wrong + uint64(len(got))
}

// rolled returns the header with version i.
func rolled(header [pow.HeaderSize]byte, i int) [pow.HeaderSize]byte {
	binary.LittleEndian.PutUint32(header[:], 0x20000000|uint32(i)<<13)
	return header
}

func (b *device) putVersions(header [pow.HeaderSize]byte) error {
	var states []byte
	for i := range kernels.Versions {
		h := rolled(header, i)
		states = append(states, kernels.VersionState(&h)...)
	}
	pinned := b.host[:copy(b.host, states)]
	if err := b.s.CopyToDeviceAsync(b.versions, pinned); err != nil {
		return err
	}
	return b.s.Synchronize()
}

// checkRoll compares the hits, nonces with versions, with those of the CPU for each
// version.
func (b *device) checkRoll(f *cuda.Function, got *Entry) error {
	rng := seeded("gpu-check roll")
	counts := []uint64{1, 63, 64*8 + 5, 1 << 14}
	if b.small {
		counts = counts[:3]
	}
	for i, count := range counts {
		header := randomHeader(rng)
		if err := b.putVersions(header); err != nil {
			return err
		}
		first := []uint32{0, 1<<32 - 20, 1<<32 - 300, 12345}[i]
		target := pow.ZeroBits(8)
		blocks := min(8, int(count+kernels.Tile-1)/kernels.Tile)
		rounds := (count + uint64(blocks*kernels.Tile) - 1) / uint64(blocks*kernels.Tile)
		r := kernels.Range{First: first, Count: count, Rounds: uint32(rounds)}
		h := rolled(header, 0)
		params := kernels.NewJob(&h, target.Bytes()).RollParams(r, uint64(b.versions), uint64(b.hits))
		_, words, err := b.launch(f, blocks, kernels.Roll.Threads(), 2, params)
		if err != nil {
			return err
		}
		found := make([][]uint32, kernels.Versions)
		for j := 0; j < len(words); j += 2 {
			if words[j+1] >= kernels.Versions {
				got.Wrong++
				continue
			}
			found[words[j+1]] = append(found[words[j+1]], words[j])
		}
		for v := range found {
			h := rolled(header, v)
			got.Checked += count
			missed, wrong := differences(onCPU(&h, target, first, count), found[v])
			got.Wrong += missed + wrong
		}
	}
	return nil
}

// rate finds the fastest launch shape and measures it.
func (b *device) rate(ctx context.Context, f *cuda.Function, kind kernels.Kind, got *Entry, rep *Report, sensors *watcher, opts Options) error {
	header := randomHeader(seeded("gpu-check rate"))
	if err := b.putVersions(header); err != nil {
		return err
	}
	job := kernels.NewJob(&header, pow.ZeroBits(40).Bytes())
	threads := kind.Threads()
	if kind == kernels.Roll {
		_ = f.PreferShared(100) // a hint, as in the engine
	}
	resident, err := f.Occupancy(threads, 0)
	if err != nil {
		return err
	}
	next := uint32(0)
	// once launches about the number of items that takes want at rate (0: unknown).
	once := func(blocksPerSM int, rate float64, want time.Duration) (items float64, took time.Duration, err error) {
		blocks := rep.Device.SMs * blocksPerSM
		perRound, itemsPerNonce := uint64(blocks*threads), 1.0
		if kind == kernels.Roll {
			perRound, itemsPerNonce = uint64(blocks*kernels.Tile), kernels.Versions
		}
		rounds := max(uint64(rate*want.Seconds()/(float64(perRound)*itemsPerNonce)), 1)
		r := kernels.Range{First: next, Count: min(rounds*perRound, pow.NonceSpace), Rounds: uint32(rounds)}
		next += uint32(r.Count)
		var params []byte
		words := 1
		if kind == kernels.Roll {
			params, words = job.RollParams(r, uint64(b.versions), uint64(b.hits)), 2
		} else {
			params = job.ScanParams(r, uint64(b.hits))
		}
		took, _, err = b.launch(f, blocks, threads, words, params)
		return float64(r.Count) * itemsPerNonce, took, err
	}
	speed := func(blocksPerSM int, rate float64) (float64, error) {
		items, took, err := once(blocksPerSM, rate, opts.Slice)
		return items / max(took, time.Microsecond).Seconds(), err
	}

	rate := 0.0
	shapes := []int{resident, 2 * resident, 4 * resident, 8 * resident}
	if b.small {
		shapes = []int{1}
	}
	for _, shape := range shapes {
		seen := 0.0
		for range 4 { // the first ones warm up
			if seen, err = speed(shape, max(seen, rate)); err != nil {
				return err
			}
		}
		if seen > rate {
			rate, got.Blocks = seen, shape
		}
	}
	return b.sample(ctx, got, rep, sensors, opts, func() (float64, error) { return speed(got.Blocks, rate) })
}

// sample warms the device up, samples a speed, and compares the median with the
// bound at the clock of that time.
func (b *device) sample(ctx context.Context, got *Entry, rep *Report, sensors *watcher, opts Options, speed func() (float64, error)) error {
	samples := 31
	if b.small {
		samples = 3
	}
	end := time.Now().Add(20 * opts.Slice)
	for time.Now().Before(end) {
		if _, err := speed(); err != nil {
			return err
		}
	}
	from := end.Add(-10 * opts.Slice) // the device is warm by then, and sensors are slow
	for range samples {
		if err := ctx.Err(); err != nil {
			return err
		}
		seen, err := speed()
		if err != nil {
			return err
		}
		got.Rates = append(got.Rates, seen)
	}
	got.Rate = bench.Median(got.Rates)

	got.ClockMHz, got.ClockOf = float64(rep.Device.ClockKHz)/1e3, fromHighest
	if clock, power, celsius, source := sensors.since(from); source != "" {
		got.ClockMHz, got.ClockOf, got.PowerW, got.Temperature = clock, source, power, celsius
		if power > 0 {
			got.PerJoule = got.Rate / power
		}
	}
	if cost, known := kernels.CostOf(got.Name, rep.Device.Major, rep.Device.Minor); known {
		got.Bound = float64(rep.Device.SMs) * got.ClockMHz * 1e6 / cost.Clocks()
		got.ShareOf = got.Rate / got.Bound
	}
	return nil
}
