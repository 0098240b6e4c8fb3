package engine

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"stele/engine/pow"
)

// A device that rests does nothing, and continues with Mine's job after Wake.
func TestRest(t *testing.T) {
	scans := make(chan bool)
	var busy atomic.Int32
	e := testEngine(t, device("a", func(ctx context.Context, job *Job, r pow.Range) (ScanResult, error) {
		busy.Add(1)
		defer busy.Add(-1)
		if ctx.Err() != nil {
			return ScanResult{}, ctx.Err()
		}
		select {
		case scans <- true:
			return honest(ctx, job, r)
		case <-ctx.Done():
			return ScanResult{}, ctx.Err()
		}
	}))
	jobs, stop := mining(t, e, nil, func(Hit) {})
	jobs <- testJob(1, 20)
	<-scans
	if err := e.Rest("a", "too hot"); err != nil {
		t.Fatal(err)
	}
	if s := status(t, e, "a"); s.State != Resting || s.Reason != "too hot" {
		t.Errorf("state %s, %q", s.State, s.Reason)
	}
	for busy.Load() > 0 { // it returns its piece
		time.Sleep(time.Millisecond)
	}
	select {
	case <-scans:
		t.Error("a device that rests scans")
	case <-time.After(20 * time.Millisecond):
	}
	_, err := e.Search(context.Background(), testJob(2, 8), pow.Range{Count: 10}, func(Hit) {})
	if !errors.Is(err, ErrNoDevice) {
		t.Errorf("search with all at rest: %v", err)
	}
	if err := e.Wake("a"); err != nil {
		t.Fatal(err)
	}
	<-scans
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("mine: %v", err)
	}
	if err := errors.Join(e.Rest("b", "x"), e.Wake("b"), e.Retry(context.Background(), "b")); !errors.Is(err, ErrUnknownDevice) {
		t.Errorf("unknown device: %v", err)
	}
}

// A sick device that passes the test rejoins the same call, and its work from
// before is repeated.
func TestRetryInMine(t *testing.T) {
	gone := make(chan struct{})
	bad := device("bad", calls(maxWrongHits, wrong, honest))
	good := device("good", nil)
	e := testEngine(t, bad, good)
	job := testJob(1, 8)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	jobs := make(chan Job, 1)
	jobs <- job
	back := false
	var nonces []uint32
	done := make(chan error)
	go func() {
		done <- e.Mine(ctx, jobs, nil, func(h Hit) {
			nonces = append(nonces, h.Nonce)
			if back = back || h.Device == "bad"; back && h.Nonce > 1<<16 {
				cancel()
			}
		})
	}()
	go func() {
		defer close(gone)
		for status(t, e, "bad").State != Sick {
			time.Sleep(time.Millisecond)
		}
		if err := e.Retry(ctx, "bad"); err != nil {
			t.Errorf("retry: %v", err)
		}
	}()
	<-gone
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if s := status(t, e, "bad"); s.State != OK || s.HardwareErrors != maxWrongHits || s.Reason != "" {
		t.Errorf("status %+v", s)
	}
	slices.Sort(nonces)
	if len(slices.Compact(slices.Clone(nonces))) != len(nonces) {
		t.Error("a hit was reported twice")
	}
}

// A device that is still wrong, or fails the test, stays out.
func TestRetryFails(t *testing.T) {
	for name, c := range map[string]struct {
		scan   scanFunc
		verify func(context.Context, []byte, bool, []pow.Verdict) error
	}{
		"wrong":  {scan: wrong},
		"blind":  {scan: blind},
		"broken": {scan: breaks},
		"verify": {verify: func(context.Context, []byte, bool, []pow.Verdict) error { return errBroken }},
		"reports all as valid": {verify: func(_ context.Context, _ []byte, _ bool, v []pow.Verdict) error {
			clear(v)
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := device("a", c.scan)
			d.verify = c.verify
			e := testEngine(t, d)
			if err := e.Retry(context.Background(), "a"); err != nil {
				t.Errorf("a device in use: %v", err)
			}
			e.units[0].disable(Sick, "test")
			if err := e.Retry(context.Background(), "a"); !errors.Is(err, ErrSelfTest) {
				t.Errorf("got %v", err)
			}
			if s := status(t, e, "a"); s.State != Sick || s.Reason != "test" {
				t.Errorf("status %+v", s)
			}
		})
	}
}

// The self-test of a VersionScanner includes a search of versions.
func TestRetryVersions(t *testing.T) {
	good := together{fake: device("good", nil)}
	bad := together{device("bad", nil), func(_ context.Context, _ *Job, r pow.Range) (VersionsResult, error) {
		return VersionsResult{Done: r.Count}, nil
	}}
	e := testEngine(t, good, bad)
	for _, u := range e.units {
		u.disable(Sick, "test")
	}
	if err := e.Retry(context.Background(), "good"); err != nil {
		t.Errorf("honest: %v", err)
	}
	if err := e.Retry(context.Background(), "bad"); !errors.Is(err, ErrSelfTest) {
		t.Errorf("one that leaves out hits: %v", err)
	}
}

func TestRetryReopens(t *testing.T) {
	var failure error
	a := phoenix{device("a", nil), func() error { return failure }}
	e := testEngine(t, a)
	e.units[0].disable(Dead, "test")
	if err := e.Retry(context.Background(), "a"); !errors.Is(err, ErrReopening) {
		t.Errorf("dead: %v", err)
	}
	e.units[0].disable(Sick, "test")
	failure = errBroken
	if err := e.Retry(context.Background(), "a"); !errors.Is(err, errBroken) {
		t.Errorf("sick, and cannot be reopened: %v", err)
	}
	failure = nil
	if err := e.Retry(context.Background(), "a"); err != nil || !e.units[0].inState(OK) {
		t.Errorf("sick, and reopened: %v", err)
	}
	// Earlier wrong answers no longer count.
	e.units[0].addWrong(maxWrongHits - 1)
	e.units[0].forgive()
	if n := e.units[0].addWrong(1); n != 1 {
		t.Errorf("%d wrong answers after its return", n)
	}
}

// OnBegin's function is called once for each job received, when every lane has
// begun with it and not before.
func TestOnBegin(t *testing.T) {
	release := make(chan struct{}, 1)
	a := device("a", nil)
	a.lanes = 3
	e := testEngine(t, a, device("b", func(ctx context.Context, job *Job, r pow.Range) (ScanResult, error) {
		if r.First == 0 && job.Header[0] == 1 {
			<-release // it cannot be stopped
		}
		return honest(ctx, job, r)
	}))
	begun := make(chan byte, 10)
	e.OnBegin(func(j Job) { begun <- j.Header[0] })
	jobs, stop := mining(t, e, nil, func(Hit) {})
	release <- struct{}{}
	for i := byte(1); i <= 3; i++ {
		jobs <- testJob(i, 30)
		if got := <-begun; got != i {
			t.Errorf("job %d has begun, want %d", got, i)
		}
	}
	_ = stop()
	if len(begun) != 0 {
		t.Errorf("called %d times more", len(begun))
	}
}

// Hits and ExpectedHits agree for an honest device.
func TestExpectedHits(t *testing.T) {
	e := testEngine(t, device("a", nil), device("blind", blind))
	job := testJob(1, 4)
	if _, err := e.Search(context.Background(), job, pow.Range{Count: 1 << 16}, func(Hit) {}); err != nil {
		t.Fatal(err)
	}
	a, b := status(t, e, "a"), status(t, e, "blind")
	if sum := a.ExpectedHits + b.ExpectedHits; math.Abs(sum-(1<<12)) > 0.01 {
		t.Errorf("%g hits are expected of 65536 hashes, want 4096", sum)
	}
	if d := math.Abs(float64(a.Hits) - a.ExpectedHits); d > 6*math.Sqrt(a.ExpectedHits+1) || b.Hits != 0 {
		t.Errorf("honest: %d of %g; blind: %d of %g", a.Hits, a.ExpectedHits, b.Hits, b.ExpectedHits)
	}
	// A piece that is abandoned counts as far as it was searched.
	searched := make(chan bool)
	abandoned := testEngine(t, device("a", func(ctx context.Context, job *Job, r pow.Range) (ScanResult, error) {
		r.Count /= 2
		res, _ := honest(ctx, job, r)
		searched <- true
		<-ctx.Done()
		return res, ctx.Err()
	}))
	abandoned.searching.minHashes = 1 << 12
	jobs, stop := mining(t, abandoned, nil, func(Hit) {})
	for i := range 20 {
		jobs <- testJob(byte(i), 4)
		<-searched
	}
	_ = stop()
	if s := status(t, abandoned, "a"); s.Nonces == 0 || math.Abs(s.ExpectedHits-float64(s.Nonces)/16) > 0.01 || math.Abs(float64(s.Hits)-s.ExpectedHits) > 6*math.Sqrt(s.ExpectedHits) {
		t.Errorf("abandoned: %d of %g hits in %d nonces", s.Hits, s.ExpectedHits, s.Nonces)
	}
	if got := chance(pow.ZeroBits(100)); math.Abs(got*math.Exp2(100)-1) > 1e-12 {
		t.Errorf("chance of 100 zero bits is %g", got)
	}
	if got := chance(pow.MaxTarget); got != 1 {
		t.Errorf("chance of the easiest target is %g", got)
	}
}
