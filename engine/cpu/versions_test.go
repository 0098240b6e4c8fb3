package cpu

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stele/engine"
	"stele/engine/pow"
	"stele/engine/pow/powtest"
	"stele/kernels/simd"
)

var _ engine.VersionScanner = (*versionsDevice)(nil)

// versionsJob is a job with 128 versions, whose bits are not side by side.
func versionsJob(seed byte, zeros int) engine.Job {
	job := testJob(seed, zeros)
	job.VersionMask = 0x100e2003
	return job
}

// expectedVersions is the reference for all versions of a job, in the order of a device.
func expectedVersions(job engine.Job, r pow.Range) (want []engine.Candidate) {
	for i := range job.Versions() {
		for _, nonce := range powtest.Hits(job.WithVersion(i), job.Target, r) {
			want = append(want, engine.Candidate{Nonce: nonce, Version: uint32(i)})
		}
	}
	slices.SortFunc(want, func(a, b engine.Candidate) int {
		return cmp.Or(cmp.Compare(a.Nonce-r.First, b.Nonce-r.First), cmp.Compare(a.Version, b.Version))
	})
	return want
}

// eachScanner runs f with every kernel that can be used here, those without a loop for
// versions too.
func eachScanner(t *testing.T, f func(t *testing.T, d *versionsDevice)) {
	eachKernel(t, func(t *testing.T, d engine.Device) {
		switch d := d.(type) {
		case *versionsDevice:
			f(t, d)
		case *device:
			f(t, &versionsDevice{d, d.search})
		}
	})
}

// A device searches versions together if its kernel has a loop for that, and names it.
func TestOpenWithVersions(t *testing.T) {
	eachKernel(t, func(t *testing.T, d engine.Device) {
		info := d.Info()
		r, ok := d.(*versionsDevice)
		if ok != (info.RollKernel != "") {
			t.Fatalf("roll kernel %q, but the device is a %T", info.RollKernel, d)
		}
		if ok && (r.versions.Name() != info.RollKernel || !r.versions.SharesVersions()) {
			t.Errorf("the kernel is %s, want %s, which shares work", r.versions.Name(), info.RollKernel)
		}
	})
	for _, v := range simd.Variants() {
		if !v.Available {
			continue
		}
		d, err := Open(Options{Kernel: v.Name})
		if err != nil {
			t.Fatal(err)
		}
		k, err := simd.Lookup(v.Name)
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]string{true: v.Name}[k.SharesVersions()]; d.Info().RollKernel != want {
			t.Errorf("with the kernel %s the roll kernel is %q, want %q", v.Name, d.Info().RollKernel, want)
		}
	}
}

func TestScanVersions(t *testing.T) {
	const call = simd.MaxNonces / engine.MaxVersions
	for _, tt := range []struct {
		name  string
		zeros int
		r     pow.Range
	}{
		{"empty", 0, pow.Range{First: 9}},
		{"one", 0, pow.Range{First: 9, Count: 1}},
		{"all hits, round the ring", 0, pow.Range{First: 1<<32 - 5, Count: 23}},
		{"several calls of the kernel", 9, pow.Range{First: 1<<32 - 700, Count: call*2 + 77}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			job := versionsJob(3, tt.zeros)
			want := expectedVersions(job, tt.r)
			eachScanner(t, func(t *testing.T, d *versionsDevice) {
				var early []engine.Candidate
				got, err := d.ScanVersions(context.Background(), &job, tt.r, func(hits []engine.Candidate) { early = append(early, hits...) })
				if err != nil || got.Done != tt.r.Count || !slices.Equal(got.Hits, want) || !slices.Equal(early, want) {
					t.Errorf("done %d, %d hits, %d of them early, %v; want %d, %d", got.Done, len(got.Hits), len(early), err, tt.r.Count, len(want))
				}
			})
		})
	}
}

// What was finished before the context ended is in the result, and nothing else.
func TestScanVersionsCancelled(t *testing.T) {
	const call = simd.MaxNonces / engine.MaxVersions
	job := versionsJob(3, 8)
	want := expectedVersions(job, pow.Range{First: 77, Count: call})
	eachScanner(t, func(t *testing.T, d *versionsDevice) {
		got, err := d.ScanVersions(&countdown{context.Background(), 1}, &job, pow.Range{First: 77, Count: 3 * call}, nil)
		if !errors.Is(err, context.Canceled) || got.Done != call || !slices.Equal(got.Hits, want) {
			t.Errorf("done %d, %d hits, %v; want %d, %d", got.Done, len(got.Hits), err, call, len(want))
		}
	})
}

func TestScanVersionsWrongNumber(t *testing.T) {
	eachScanner(t, func(t *testing.T, d *versionsDevice) {
		job := versionsJob(3, 8)
		for _, mask := range []uint32{0, 1, 0x100e2001, 0x100e2007} {
			job.VersionMask = mask
			if got, err := d.ScanVersions(context.Background(), &job, pow.Range{Count: 1}, nil); err == nil || got.Done != 0 {
				t.Errorf("%d versions: done %d, %v", job.Versions(), got.Done, err)
			}
		}
	})
}

func TestScanVersionsProperty(t *testing.T) {
	eachScanner(t, func(t *testing.T, d *versionsDevice) {
		rapid.Check(t, func(t *rapid.T) {
			job := versionsJob(rapid.Byte().Draw(t, "seed"), rapid.IntRange(0, 10).Draw(t, "zero bits"))
			job.VersionMask = rapid.SampledFrom([]uint32{0xfe000, 0x7f, 0xfe000000, 0x10204113}).Draw(t, "mask")
			r := pow.Range{First: rapid.Uint32().Draw(t, "first"), Count: rapid.Uint64Range(0, 20).Draw(t, "count")}
			want := expectedVersions(job, r)
			if got, err := d.ScanVersions(context.Background(), &job, r, nil); err != nil || got.Done != r.Count || !slices.Equal(got.Hits, want) {
				t.Fatalf("done %d, %v: %v, want %v", got.Done, err, got.Hits, want)
			}
		})
	})
}

// watched counts the calls of a device.
type watched struct {
	*versionsDevice
	scans, rolls atomic.Int64
}

func (d *watched) Scan(ctx context.Context, job *engine.Job, r pow.Range, early func([]uint32)) (engine.ScanResult, error) {
	d.scans.Add(1)
	return d.versionsDevice.Scan(ctx, job, r, early)
}

func (d *watched) ScanVersions(ctx context.Context, job *engine.Job, r pow.Range, early func([]engine.Candidate)) (engine.VersionsResult, error) {
	d.rolls.Add(1)
	return d.versionsDevice.ScanVersions(ctx, job, r, early)
}

// An engine that may change the version, as a miner at a pool, searches versions
// together, and finds on this device what the reference finds.
func TestVersionsWithEngine(t *testing.T) {
	job, r := versionsJob(5, 8), pow.Range{First: 1<<32 - 2000, Count: 3000}
	want := expectedVersions(job, r)
	eachScanner(t, func(t *testing.T, d *versionsDevice) {
		w := &watched{versionsDevice: d}
		e := engine.New([]engine.Device{w}, nil)
		defer e.Close()
		seen := map[[pow.HeaderSize]byte]bool{}
		sum, err := e.Search(context.Background(), job, r, func(h engine.Hit) { seen[h.Header()] = true })
		if err != nil || sum.Scanned != r.Count*engine.MaxVersions || len(seen) != len(want) {
			t.Errorf("%+v, %v: found %d, want %d", sum, err, len(seen), len(want))
		}
		for _, c := range want {
			header := job.WithVersion(uint64(c.Version))
			if pow.SetNonce(&header, c.Nonce); !seen[header] {
				t.Errorf("nonce %d with version %d is missing", c.Nonce, c.Version)
			}
		}
		if w.scans.Load() != 0 || w.rolls.Load() == 0 {
			t.Errorf("%d searches of one version, %d of versions", w.scans.Load(), w.rolls.Load())
		}

		// Until jobs end, with all versions of BIP 320.
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		jobs, rolled := make(chan engine.Job, 1), false
		job := testJob(6, 16)
		job.VersionMask = 0x1fffe000
		jobs <- job
		err = e.Mine(ctx, jobs, nil, func(h engine.Hit) {
			if h.Version != versions(&job)[0] {
				rolled = true
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) || w.scans.Load() != 0 {
			t.Errorf("%v, %d searches of one version", err, w.scans.Load())
		}
		if s := e.Status()[0]; s.HardwareErrors != 0 || !rolled {
			t.Errorf("another version found: %v, status %+v", rolled, s)
		}
	})
}

// BenchmarkVersions compares the rates of an engine with one thread for one version of a
// header and for 128, in turn, so that other load on the machine affects both.
func BenchmarkVersions(b *testing.B) {
	one, err := Open(Options{Threads: 1})
	if err != nil {
		b.Fatal(err)
	}
	e := engine.New([]engine.Device{one}, nil)
	defer e.Close()
	const hashes = 1 << 20
	search := func(mask uint32) float64 {
		job := testJob(7, 60)
		job.VersionMask = mask
		start := time.Now()
		if _, err := e.Search(context.Background(), job, pow.Range{Count: hashes / job.Versions()}, func(engine.Hit) {}); err != nil {
			b.Fatal(err)
		}
		return hashes / time.Since(start).Seconds() / 1e6
	}
	var single, many, ratios []float64
	for b.Loop() {
		x, y := search(0), search(0xfe000)
		single, many, ratios = append(single, x), append(many, y), append(ratios, y/x)
	}
	slices.Sort(ratios)
	b.ReportMetric(slices.Max(single), "MH/s-1")
	b.ReportMetric(slices.Max(many), "MH/s-128")
	b.ReportMetric(ratios[len(ratios)/2], "ratio")
	b.ReportMetric(slices.Max(many)/slices.Max(single), "ratio-of-best")
}
