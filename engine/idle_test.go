package engine

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stele/engine/pow"
)

// takes returns a scan function that takes a time for each nonce and finds nothing.
func takes(each time.Duration) scanFunc {
	return func(ctx context.Context, _ *Job, r pow.Range) (ScanResult, error) {
		timer := time.NewTimer(each * time.Duration(r.Count))
		defer timer.Stop()
		start := time.Now()
		select {
		case <-timer.C:
			return ScanResult{Done: r.Count}, nil
		case <-ctx.Done():
			return ScanResult{Done: min(uint64(time.Since(start)/each), r.Count)}, ctx.Err()
		}
	}
}

// idle returns the idle time of a device.
func idle(t *testing.T, e *Engine, id string) time.Duration {
	t.Helper()
	return status(t, e, id).Idle
}

// A device that ends its last piece early waits for the slow one, and only that counts.
// The reports of pieces, with their times, show the same.
func TestIdleAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New([]Device{
			&fake{id: "fast", lanes: 2, scan: takes(time.Microsecond)},
			&fake{id: "slow", lanes: 1, scan: takes(time.Millisecond)},
		}, nil)
		defer e.Close()
		var mu sync.Mutex
		last, hashes := map[string]time.Time{}, map[string]uint64{}
		e.OnPiece(func(p PieceReport) {
			mu.Lock()
			defer mu.Unlock()
			if p.End.After(last[p.Device]) {
				last[p.Device] = p.End
			}
			hashes[p.Device] += p.Hashes
		})
		sum, err := e.Search(t.Context(), testJob(1, 255), pow.Range{Count: 1 << 16}, func(Hit) {})
		if err != nil {
			t.Fatal(err)
		}
		end := time.Now()
		for i, id := range []string{"fast", "slow"} {
			if got, want := idle(t, e, id), end.Sub(last[id]); got != want {
				t.Errorf("%s was idle for %v, want %v", id, got, want)
			}
			if hashes[id] != sum.Devices[i].Items || hashes[id] != status(t, e, id).Nonces {
				t.Errorf("%s: reports of %d hashes, did %d", id, hashes[id], sum.Devices[i].Items)
			}
		}
		if idle(t, e, "fast") == 0 || idle(t, e, "slow") != 0 {
			t.Errorf("idle %v and %v: one must wait for the other", idle(t, e, "fast"), idle(t, e, "slow"))
		}
	})
}

// A device that has no work, rests, or has pieces all the time, is not idle.
func TestIdleWhileMining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New([]Device{&fake{id: "a", lanes: 1, scan: takes(time.Microsecond)}, &fake{id: "b", lanes: 2, scan: takes(time.Microsecond)}}, nil)
		defer e.Close()
		ctx, cancel := context.WithCancel(t.Context())
		jobs, done := make(chan Job), make(chan error)
		go func() { done <- e.Mine(ctx, jobs, nil, func(Hit) {}) }()
		wait := func(d time.Duration, what string) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if a, b := idle(t, e, "a"), idle(t, e, "b"); a != 0 || b != 0 {
				t.Errorf("idle for %v and %v %s", a, b, what)
			}
		}
		wait(time.Hour, "before the first job")
		jobs <- testJob(1, 255) // its nonces take three lanes 24 minutes
		wait(time.Minute, "with pieces")
		if err := e.Rest("b", "hot"); err != nil {
			t.Fatal(err)
		}
		wait(10*time.Minute, "while one rested")
		if err := e.Wake("b"); err != nil {
			t.Fatal(err)
		}
		wait(time.Hour, "until all was done, and later")
		jobs <- testJob(2, 255)
		wait(time.Minute, "with another job")
		cancel()
		<-done
	})
}

// A device that the host keeps waiting between two pieces is idle meanwhile.
func TestIdleByHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const stall = time.Second
		hit := func(ctx context.Context, job *Job, r pow.Range) (ScanResult, error) {
			res, err := takes(time.Microsecond)(ctx, job, r)
			res.Nonces = []uint32{r.First} // every hash meets the target
			return res, err
		}
		e := New([]Device{&fake{id: "a", lanes: 1, scan: hit}}, nil)
		defer e.Close()
		hits := 0
		if _, err := e.Search(t.Context(), Job{Target: pow.MaxTarget}, pow.Range{Count: 1 << 20}, func(Hit) {
			hits++
			time.Sleep(stall)
		}); err != nil {
			t.Fatal(err)
		}
		if got, want := idle(t, e, "a"), time.Duration(hits)*stall; hits < 2 || got != want {
			t.Errorf("idle for %v with %d stalls, want %v", got, hits, want)
		}
	})
}
