package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"stele/engine/pow"
	"stele/engine/pow/powtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBroken = errors.New("broken")

type scanFunc = func(context.Context, *Job, pow.Range) (ScanResult, error)

// fake is a device that does what a test makes it do. A nil function is honest.
type fake struct {
	id     string
	lanes  int
	pinned bool
	scan   scanFunc
	early  bool // reports hits before Scan returns, and again in its result
	verify func(ctx context.Context, headers []byte, linked bool, verdicts []pow.Verdict) error
	closed error
}

func (f *fake) Info() Info {
	return Info{ID: f.id, Kind: "fake", Lanes: f.lanes, Pinned: f.pinned}
}

func (f *fake) Scan(ctx context.Context, job *Job, r pow.Range, early func([]uint32)) (ScanResult, error) {
	if f.scan == nil {
		return reference{}.Scan(ctx, job, r, early)
	}
	res, err := f.scan(ctx, job, r)
	if f.early {
		early(slices.Clone(res.Nonces))
	}
	return res, err
}

func (f *fake) Verify(ctx context.Context, headers []byte, linked bool, verdicts []pow.Verdict) error {
	if f.verify == nil {
		return reference{}.Verify(ctx, headers, linked, verdicts)
	}
	return f.verify(ctx, headers, linked, verdicts)
}

func (f *fake) Close() error { return f.closed }

// honest scans as a device must.
func honest(ctx context.Context, job *Job, r pow.Range) (ScanResult, error) {
	return reference{}.Scan(ctx, job, r, nil)
}

// hang waits until ctx ends.
func hang(ctx context.Context, _ *Job, _ pow.Range) (ScanResult, error) {
	<-ctx.Done()
	return ScanResult{}, ctx.Err()
}

// gate returns two wrappers of scan functions: a function wrapped by after waits
// for the first call of one wrapped by called.
func gate() (called, after func(scanFunc) scanFunc) {
	open := make(chan struct{})
	once := sync.OnceFunc(func() { close(open) })
	called = func(scan scanFunc) scanFunc {
		return func(ctx context.Context, job *Job, r pow.Range) (ScanResult, error) {
			once()
			return scan(ctx, job, r)
		}
	}
	after = func(scan scanFunc) scanFunc {
		return func(ctx context.Context, job *Job, r pow.Range) (ScanResult, error) {
			<-open
			return scan(ctx, job, r)
		}
	}
	return called, after
}

// calls returns a scan function that does first in its first n calls, counted
// over all lanes, and after in later ones.
func calls(n int, first, after scanFunc) scanFunc {
	tokens := make(chan struct{}, n)
	for range n {
		tokens <- struct{}{}
	}
	return func(ctx context.Context, job *Job, r pow.Range) (ScanResult, error) {
		select {
		case <-tokens:
			return first(ctx, job, r)
		default:
			return after(ctx, job, r)
		}
	}
}

// wrong reports a nonce that is no hit (or, when all are, one out of range).
func wrong(_ context.Context, job *Job, r pow.Range) (ScanResult, error) {
	for n := r.First; ; n++ {
		good := false
		pow.Search(&job.Header, job.Target, pow.Range{First: n, Count: 1}, func(uint32) { good = true })
		if !good || uint64(n-r.First) >= r.Count {
			return ScanResult{Nonces: []uint32{n}, Done: r.Count}, nil
		}
	}
}

// blind finds nothing and reports all nonces as done.
func blind(_ context.Context, _ *Job, r pow.Range) (ScanResult, error) {
	return ScanResult{Done: r.Count}, nil
}

// breaks scans half of the range and fails.
func breaks(ctx context.Context, job *Job, r pow.Range) (ScanResult, error) {
	r.Count /= 2
	res, _ := honest(ctx, job, r)
	return res, errBroken
}

// testEngine returns an engine that cuts small pieces.
func testEngine(t interface{ Cleanup(func()) }, devices ...Device) *Engine {
	e := New(devices, nil)
	for _, cuts := range []*tuning{&e.searching, &e.verifying} {
		cuts.minHashes = 16
		cuts.period, cuts.minPeriod = 100*time.Microsecond, 0
		cuts.guess = 64 / cuts.period.Seconds()
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// testJob returns a job of which about one nonce in 2^zeros is a hit.
func testJob(seed byte, zeros int) Job {
	return Job{Header: powtest.Header(seed), Target: pow.ZeroBits(zeros)}
}

// expected returns the hits of a range by the reference, sorted.
func expected(job Job, r pow.Range) []uint32 {
	all := powtest.Hits(job.Header, job.Target, r)
	slices.Sort(all)
	return all
}

// collect gathers hits and checks every one.
type collect struct {
	t interface {
		Errorf(string, ...any)
		Helper()
	}
	job    Job
	busy   chan struct{}
	nonces []uint32
}

func newCollect(t interface {
	Errorf(string, ...any)
	Helper()
}, job Job) *collect {
	return &collect{t: t, job: job, busy: make(chan struct{}, 1)}
}

func (c *collect) found(h Hit) {
	c.t.Helper()
	select {
	case c.busy <- struct{}{}:
	default:
		c.t.Errorf("found is called concurrently")
	}
	defer func() { <-c.busy }()
	header := c.job.Header
	pow.SetNonce(&header, h.Nonce)
	if h.Job != c.job || h.Hash != pow.Sum(header[:]) || !c.job.Target.MetBy(h.Hash) || h.Device == "" {
		c.t.Errorf("wrong hit %+v", h)
	}
	c.nonces = append(c.nonces, h.Nonce)
}

// sorted returns the hits; duplicates stay.
func (c *collect) sorted() []uint32 {
	slices.Sort(c.nonces)
	return c.nonces
}

func status(t *testing.T, e *Engine, id string) DeviceStatus {
	t.Helper()
	for _, s := range e.Status() {
		if s.Info.ID == id {
			return s
		}
	}
	t.Fatalf("no device %q", id)
	return DeviceStatus{}
}

func device(id string, scan scanFunc) *fake {
	return &fake{id: id, lanes: 1, scan: scan}
}

func named(i int) string { return fmt.Sprintf("fake:%d", i) }
