package engine

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"

	"stele/engine/pow"
)

// mining runs Mine until stop is called, which returns its error.
func mining(t *testing.T, e *Engine, roll func(Job) (Job, bool), found func(Hit)) (jobs chan Job, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	jobs = make(chan Job)
	res := make(chan error)
	go func() { res <- e.Mine(ctx, jobs, roll, found) }()
	return jobs, func() error {
		cancel()
		return <-res
	}
}

func TestMineNewJobAbandonsOld(t *testing.T) {
	started := make(chan Job)
	// Every call sends its job, waits for the end, and then reports its first
	// nonce, a hit of the easy target.
	e := testEngine(t, device("a", func(ctx context.Context, job *Job, r pow.Range) (ScanResult, error) {
		select {
		case started <- *job:
		case <-ctx.Done():
			return ScanResult{}, ctx.Err()
		}
		<-ctx.Done()
		return ScanResult{Nonces: []uint32{r.First}, Done: 1}, ctx.Err()
	}))
	hits := make(chan Hit, 10)
	jobs, stop := mining(t, e, nil, func(h Hit) { hits <- h })

	first, second := testJob(1, 0), testJob(2, 0)
	jobs <- first
	if got := <-started; got != first {
		t.Errorf("works on %v", got)
	}
	jobs <- second
	if got := <-started; got != second {
		t.Errorf("works on %v after a new job", got)
	}
	if h := <-hits; h.Job != first || h.Nonce != 0 {
		t.Errorf("reported %+v, want the hit of the first job", h)
	}
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if h := <-hits; h.Job != second || len(hits) != 0 {
		t.Errorf("reported %+v, want only the hit of the second job", h)
	}
	if n := status(t, e, "a").Nonces; n != 2 {
		t.Errorf("counted %d nonces, want 2", n)
	}
}

func TestMineChannelClosed(t *testing.T) {
	e := testEngine(t, device("a", hang))
	jobs := make(chan Job, 1)
	jobs <- testJob(1, 0)
	close(jobs)
	// Only this ends Mine: if ctx ended at the same time, its error would be as
	// right.
	if err := e.Mine(context.Background(), jobs, nil, nil); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

func TestMineNoDevice(t *testing.T) {
	e := testEngine(t, device("a", func(context.Context, *Job, pow.Range) (ScanResult, error) {
		return ScanResult{}, errBroken
	}))
	jobs := make(chan Job, 1)
	jobs <- testJob(1, 0)
	if err := e.Mine(context.Background(), jobs, nil, nil); !errors.Is(err, ErrNoDevice) {
		t.Errorf("got %v, want ErrNoDevice", err)
	}
}

// When the nonces of a header are handed out, a free lane continues with the
// next header although another lane still has a piece of the old one. When
// roll has no more headers, the lanes idle until the next job.
func TestMineRolls(t *testing.T) {
	header := func(i byte) Job { return testJob(i, 40) }
	called, after := gate()
	release := make(chan struct{})
	seen := make(chan byte)
	e := testEngine(t,
		device("slow", calls(1, called(func(_ context.Context, _ *Job, r pow.Range) (ScanResult, error) {
			<-release
			return ScanResult{Done: r.Count}, nil
		}), hang)),
		device("quick", after(func(ctx context.Context, job *Job, r pow.Range) (ScanResult, error) {
			select {
			case seen <- job.Header[0]:
				return ScanResult{Done: r.Count}, nil
			case <-ctx.Done():
				return ScanResult{}, ctx.Err()
			}
		})))
	e.searching.period, e.searching.minHashes = 1, pow.NonceSpace/2 // two pieces make a header
	jobs, stop := mining(t, e, func(j Job) (Job, bool) {
		next := j.Header[0] + 1
		return header(next), next <= 3
	}, nil)

	jobs <- header(1)
	for i, want := range []byte{1, 2, 2, 3, 3} {
		if got := <-seen; got != want {
			t.Errorf("piece %d is of header %d, want %d", i, got, want)
		}
	}
	close(release)
	jobs <- header(9)
	if got := <-seen; got != 9 {
		t.Errorf("works on header %d, want 9", got)
	}
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A device that turns out sick while mining does not lose hits of the header
// that is still in work, and no hit is reported twice.
func TestMineSickDevice(t *testing.T) {
	job := testJob(1, 4)
	called, after := gate()
	e := testEngine(t,
		device("bad", calls(2, blind, calls(2, honest, called(wrong)))),
		device("good", after(honest)))
	hits := make(chan uint32)
	ctx, cancel := context.WithCancel(context.Background())
	jobs, stop := mining(t, e, nil, func(h Hit) {
		select {
		case hits <- h.Nonce:
		case <-ctx.Done():
		}
	})
	jobs <- job

	// All hits among the first nonces are reported, whichever device searched them.
	want := expected(job, pow.Range{Count: 2000})
	got := map[uint32]bool{}
	for missing := len(want); missing > 0; {
		n := <-hits
		if got[n] {
			t.Errorf("nonce %d is reported twice", n)
		}
		got[n] = true
		if slices.Contains(want, n) {
			missing--
		}
	}
	cancel()
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if s := status(t, e, "bad"); s.State != Sick {
		t.Errorf("status %+v", s)
	}
}

// While Mine runs, GOMAXPROCS is one more than the number of pinned lanes.
func TestMineLeavesAProcessor(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	var engines []*Engine
	for range 2 {
		d := device("a", hang)
		d.pinned, d.lanes = true, before
		engines = append(engines, testEngine(t, d))
	}
	var stops []func() error
	for _, e := range engines {
		jobs, stop := mining(t, e, nil, nil)
		jobs <- testJob(1, 20)
		stops = append(stops, stop)
		if got := runtime.GOMAXPROCS(0); got != before+1 {
			t.Errorf("GOMAXPROCS is %d with %d lanes", got, before)
		}
	}
	for i, want := range []int{before + 1, before} {
		_ = stops[i]()
		if got := runtime.GOMAXPROCS(0); got != want {
			t.Errorf("GOMAXPROCS is %d after %d ends, want %d", got, i+1, want)
		}
	}
}
