package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stele/engine/pow"
)

// phoenix is a device that can be reopened.
type phoenix struct {
	*fake
	reopen func() error
}

func (p phoenix) Reopen(context.Context) error { return p.reopen() }

// hurry makes an engine reopen dead devices soon.
func hurry(e *Engine) *Engine {
	for _, u := range e.units {
		u.pause = time.Microsecond
	}
	return e
}

// A device that breaks returns, even after failed tries, and what it left is
// searched.
func TestReopenInSearch(t *testing.T) {
	broken := device("a", calls(1, breaks, honest))
	tries := 0
	back := make(chan struct{})
	a := phoenix{broken, func() error {
		if tries++; tries < 3 {
			return errBroken
		}
		close(back)
		return nil
	}}
	b := device("b", func(ctx context.Context, job *Job, r pow.Range) (ScanResult, error) {
		select { // leaves work for a
		case <-back:
		case <-ctx.Done():
		}
		return honest(ctx, job, r)
	})
	e := hurry(testEngine(t, a, b))
	job, r := testJob(1, 6), pow.Range{First: 1<<32 - 500, Count: 20_000}
	c := newCollect(t, job)
	sum, err := e.Search(context.Background(), job, r, c.found)
	if err != nil || sum.Scanned != r.Count || !slices.Equal(c.sorted(), expected(job, r)) {
		t.Errorf("%+v, %v: %d found", sum, err, len(c.nonces))
	}
	if s := status(t, e, "a"); s.State != OK || s.Reason != "" || tries != 3 {
		t.Errorf("%s %q after %d tries", s.State, s.Reason, tries)
	}
}

// Mine waits for its only device.
func TestReopenInMine(t *testing.T) {
	var reopened atomic.Int32
	a := phoenix{device("a", calls(3, breaks, honest)), func() error { reopened.Add(1); return nil }}
	e := hurry(testEngine(t, a))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	jobs := make(chan Job, 1)
	job := testJob(2, 12)
	jobs <- job
	c, last := newCollect(t, job), expected(job, pow.Range{Count: 100_000})
	err := e.Mine(ctx, jobs, nil, func(h Hit) {
		c.found(h)
		if h.Nonce >= last[len(last)-1] {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || reopened.Load() != 3 {
		t.Errorf("%v after %d reopenings", err, reopened.Load())
	}
	if got := c.sorted(); !slices.Equal(got[:len(last)], last) {
		t.Errorf("found %v, want %v", got, last)
	}
}

// A search does not wait for its only device.
func TestNoReopenWithoutOthers(t *testing.T) {
	a := phoenix{device("a", breaks), func() error { t.Error("reopened"); return nil }}
	e := testEngine(t, a)
	e.units[0].pause = time.Hour
	job := testJob(1, 6)
	if _, err := e.Search(context.Background(), job, pow.Range{Count: 1000}, func(Hit) {}); !errors.Is(err, ErrNoDevice) {
		t.Errorf("got %v, want ErrNoDevice", err)
	}
	headers := make([]byte, 100*pow.HeaderSize)
	verdicts := make([]pow.Verdict, 100)
	if _, err := e.Verify(context.Background(), headers, false, verdicts); err != nil || verdicts[99] == pow.Valid {
		t.Errorf("verify: %v, %v", err, verdicts[99])
	}
}

// The wait for a device ends with the work.
func TestReopenEndsWithWork(t *testing.T) {
	a := phoenix{device("a", breaks), func() error { t.Error("reopened"); return nil }}
	e := testEngine(t, a, device("b", nil))
	e.units[0].pause = time.Hour
	job, r := testJob(1, 6), pow.Range{Count: 20_000}
	c := newCollect(t, job)
	if _, err := e.Search(context.Background(), job, r, c.found); err != nil || !slices.Equal(c.sorted(), expected(job, r)) {
		t.Errorf("%v: %d found", err, len(c.nonces))
	}
}

func TestBackOff(t *testing.T) {
	u := newUnit(device("a", nil), nil)
	var waits []time.Duration
	for range 12 {
		waits = append(waits, u.backOff())
	}
	if waits[0] != minPause || waits[1] != 2*minPause || waits[11] != maxPause {
		t.Errorf("waits %v", waits)
	}
	u.reopened = time.Now().Add(-maxPause - time.Second)
	if wait := u.backOff(); wait != minPause {
		t.Errorf("wait %v after a long time of work", wait)
	}
	u.reopened = time.Now()
	if wait := u.backOff(); wait != 2*minPause {
		t.Errorf("wait %v after a short time of work", wait)
	}
}

// A device that detects its own wrong answers is sick: its work is repeated.
func TestErrWrong(t *testing.T) {
	called, after := gate()
	a := phoenix{device("a", called(func(_ context.Context, _ *Job, r pow.Range) (ScanResult, error) {
		return ScanResult{Done: r.Count / 2}, fmt.Errorf("%w: missed one", ErrWrong)
	})), func() error { t.Error("reopened"); return nil }}
	a.verify = func(context.Context, []byte, bool, []pow.Verdict) error { return fmt.Errorf("%w: verdict", ErrWrong) }
	e := hurry(testEngine(t, a, device("b", after(honest))))
	job, r := testJob(1, 6), pow.Range{Count: 20_000}
	c := newCollect(t, job)
	if _, err := e.Search(context.Background(), job, r, c.found); err != nil || !slices.Equal(c.sorted(), expected(job, r)) {
		t.Errorf("%v: %d found", err, len(c.nonces))
	}
	if s := status(t, e, "a"); s.State != Sick {
		t.Errorf("state %s", s.State)
	}
	e = testEngine(t, a)
	if _, err := e.Verify(context.Background(), make([]byte, 80), false, make([]pow.Verdict, 1)); err != nil || status(t, e, "a").State != Sick {
		t.Errorf("verify: %v, state %s", err, status(t, e, "a").State)
	}
}

// A lost device is not reopened again, and Mine ends when no other device can
// work.
func TestLostDevice(t *testing.T) {
	var first, second int // tries, each counted by the goroutines of its own device
	lost := func(id string, tries *int, after int) Device {
		return phoenix{device(id, breaks), func() error {
			if *tries++; *tries > after {
				return fmt.Errorf("%w: gone", ErrLost)
			}
			return errBroken
		}}
	}
	e := hurry(testEngine(t, lost("a", &first, 0), lost("b", &second, 3)))
	jobs := make(chan Job, 1)
	jobs <- testJob(2, 12)
	if err := e.Mine(context.Background(), jobs, nil, func(Hit) {}); !errors.Is(err, ErrNoDevice) {
		t.Errorf("got %v", err)
	}
	if first != 1 || second != 4 {
		t.Errorf("%d and %d tries", first, second)
	}
	for _, s := range e.Status() {
		if !s.Lost || s.State != Dead || !strings.Contains(s.Reason, "gone") {
			t.Errorf("%+v", s)
		}
		if err := e.Retry(context.Background(), s.Info.ID); !errors.Is(err, ErrLost) {
			t.Errorf("%s: Retry: %v", s.Info.ID, err)
		}
	}
}
