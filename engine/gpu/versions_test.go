package gpu

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"stele/engine"
	"stele/engine/pow"
)

var _ engine.VersionScanner = (*Device)(nil)

// versionsJob is a job with 128 versions, whose bits are not side by side.
func versionsJob(seed byte, zeros int) engine.Job {
	job := engine.Job{Target: pow.ZeroBits(zeros), VersionMask: 0x100e2003}
	for i := range job.Header {
		job.Header[i] = seed * byte(i+1)
	}
	return job
}

// expectedVersions is the reference for all versions of a job, in the order of
// a device.
func expectedVersions(job engine.Job, r pow.Range) (want []engine.Candidate) {
	for i := range job.Versions() {
		header := job.WithVersion(i)
		pow.Search(&header, job.Target, r, func(n uint32) { want = append(want, engine.Candidate{Nonce: n, Version: uint32(i)}) })
	}
	sortFrom(r.First, want)
	return want
}

// prepared is a job as work for a lane.
func prepared(t *testing.T, d *Device, l *lane, job engine.Job) work {
	t.Helper()
	k := d.session.singleVersion
	if job.VersionMask != 0 {
		k = d.session.multiVersion
	}
	w, err := d.session.prepare(l, k, &job)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// useVersions lets an engine search several versions.
func useVersions(t *testing.T, e *engine.Engine) {
	t.Helper()
	job, r := versionsJob(5, 6), pow.Range{First: 1<<32 - 20, Count: 50}
	var got []engine.Hit
	_, err := e.Search(context.Background(), job, r, func(h engine.Hit) { got = append(got, h) })
	seen := map[[pow.HeaderSize]byte]bool{}
	for _, h := range got {
		seen[h.Header()] = true
	}
	if want := expectedVersions(job, r); err != nil || len(got) != len(want) || len(seen) != len(want) {
		t.Errorf("search of versions: %v, %d found, %d different, want %d", err, len(got), len(seen), len(want))
	}
}

func TestScanVersions(t *testing.T) {
	f := newFake(1)
	d := openOne(t, f, quick())
	for _, tt := range []struct {
		name  string
		zeros int
		r     pow.Range
	}{
		{"none", 0, pow.Range{First: 5}},
		{"one", 0, pow.Range{First: 5, Count: 1}},
		{"all, round the ring", 0, pow.Range{First: 1<<32 - 5, Count: 20}},
		{"several launches", 7, pow.Range{First: 1<<32 - 200, Count: 1203}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			job := versionsJob(3, tt.zeros)
			var early []engine.Candidate
			got, err := d.ScanVersions(context.Background(), &job, tt.r, func(hits []engine.Candidate) { early = append(early, hits...) })
			if want := expectedVersions(job, tt.r); err != nil || got.Done != tt.r.Count || !slices.Equal(got.Hits, want) || !slices.Equal(early, want) {
				t.Errorf("done %d, %d hits, %d of them early, %v; want %d, %d", got.Done, len(got.Hits), len(early), err, tt.r.Count, len(want))
			}
		})
	}
	for _, mask := range []uint32{0, 1, 0xff} {
		job := versionsJob(3, 7)
		job.VersionMask = mask
		if _, err := d.ScanVersions(context.Background(), &job, pow.Range{Count: 1}, nil); err == nil || d.session.failure() != nil {
			t.Errorf("mask %x: %v, the session: %v", mask, err, d.session.failure())
		}
	}
}

// Scan leaves the version alone, whatever the job allows.
func TestScanIgnoresMask(t *testing.T) {
	f := newFake(1)
	opts := quick()
	opts.SpotCheck = time.Nanosecond
	d := openOne(t, f, opts)
	job, r := testJob(f, 3, 6), pow.Range{Count: 3000}
	want := expected(job, r)
	job.VersionMask = 0x1fffe000
	if got, err := d.Scan(context.Background(), &job, r, nil); err != nil || !slices.Equal(got.Nonces, want) {
		t.Errorf("%d nonces, %v, want %d", len(got.Nonces), err, len(want))
	}
}

// More candidates than fit: the range is searched again in halves.
func TestScanVersionsOverflow(t *testing.T) {
	f := newFake(1)
	d := openOne(t, f, quick())
	job, r := versionsJob(3, 0), pow.Range{First: 1<<32 - 9, Count: capacity/engine.MaxVersions + 5}
	l, err := d.session.take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.session.search(l, prepared(t, d, l, job), r)
	d.session.free <- l
	if err != nil || !slices.Equal(got, expectedVersions(job, r)) {
		t.Errorf("%d hits, %v", len(got), err)
	}
}

// A GPU that misses hits is found out, and so is one that names other versions.
func TestSpotCheckVersions(t *testing.T) {
	for name, rolls := range map[string]func([]engine.Candidate) []engine.Candidate{
		"missed": func(c []engine.Candidate) []engine.Candidate { return c[:max(len(c)-1, 0)] },
		"blind":  func([]engine.Candidate) []engine.Candidate { return nil },
		"other version": func(c []engine.Candidate) []engine.Candidate {
			for i := range c {
				c[i].Version ^= 1
			}
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(1)
			opts := quick()
			opts.SpotCheck = time.Nanosecond
			d := openOne(t, f, opts)
			job, r := versionsJob(3, 10), pow.Range{First: 1<<32 - 90, Count: 600}
			if got, err := d.ScanVersions(context.Background(), &job, r, nil); err != nil || !slices.Equal(got.Hits, expectedVersions(job, r)) {
				t.Fatalf("a good GPU: %v", err)
			}
			f.rolls = rolls
			got, err := d.ScanVersions(context.Background(), &job, r, nil)
			if !errors.Is(err, engine.ErrWrong) || got.Done != 0 || !strings.Contains(err.Error(), "missed") {
				t.Errorf("done %d, %v", got.Done, err)
			}
		})
	}
}

// A hit that a GPU invents is reported to the engine, which counts it.
func TestWrongVersions(t *testing.T) {
	for name, invented := range map[string]engine.Candidate{
		"no such version": {Nonce: 3, Version: engine.MaxVersions},
		"no hit":          {Nonce: 3, Version: 7},
	} {
		f := newFake(1)
		d := openOne(t, f, quick())
		f.rolls = func(c []engine.Candidate) []engine.Candidate { return append(c, invented) }
		e := engine.New([]engine.Device{d}, nil)
		_, err := e.Search(context.Background(), versionsJob(3, 30), pow.Range{Count: 2000}, func(h engine.Hit) {
			t.Errorf("%s: reported %+v", name, h)
		})
		if s := e.Status()[0]; !errors.Is(err, engine.ErrNoDevice) || s.State != engine.Sick || s.HardwareErrors < 3 {
			t.Errorf("%s: %v, %+v", name, err, s)
		}
		_ = e.Close()
	}
}

// A roll kernel that computes wrongly does not get past the opening.
func TestSelfTestOfRoll(t *testing.T) {
	f := newFake(1)
	f.rolls = func(c []engine.Candidate) []engine.Candidate { return c[:max(len(c)-1, 0)] }
	devices, absent := open(f.system, quick())
	if len(devices) != 0 || len(absent) != 1 || !errors.Is(absent[0].Err, engine.ErrWrong) || !strings.Contains(absent[0].Err.Error(), "kernel roll_a") {
		t.Errorf("%d devices, %v", len(devices), absent)
	}
	f.checkReleased(t)
}

// A launch has whole turns of the grid, as many as the budget allows, but one.
func TestSize(t *testing.T) {
	d := openOne(t, newFake(1), quick())
	s, job := d.session, versionsJob(3, 40)
	l, err := s.take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.free <- l }()
	for _, k := range []*searcher{s.singleVersion, s.multiVersion} {
		job := job
		if k == s.singleVersion {
			job.VersionMask = 0
		}
		w := prepared(t, d, l, job)
		full := s.full(w)
		w.largest.Store(1 << 62)
		for turns, want := range map[float64]uint64{0: 1, 0.5: 1, 1.5: 1, 3.9: 3, 700.3: 700} {
			w.rate.Store(uint64(turns * float64(full*k.versions) / s.budget.Seconds()))
			if got := s.size(w); got != want*full {
				t.Errorf("%s, %v turns in the budget: %d nonces, want %d of %d", k.kind, turns, got, want, full)
			}
		}
		if easy := w.with(pow.ZeroBits(0)); s.size(easy)*k.versions > capacity/2 {
			t.Errorf("%s: %d candidates in a launch", k.kind, s.size(easy)*k.versions)
		}
	}
}
