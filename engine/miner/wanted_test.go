package miner

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Hits that their work does not want are dropped and not counted; the devices go
// on, and their rate agrees with what they found.
func TestWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool("pool")
		p.silent = true
		r := start(t, Options{}, nil, p)
		var enough atomic.Bool
		give := func() {
			w := p.work("1", true)
			w.Wanted = func() bool { return !enough.Load() }
			p.session.Work(w)
		}
		give()
		pass(2 * time.Minute)
		enough.Store(true)
		before := r.Status()
		pass(time.Minute)
		s := r.Status()
		if before.Shares.Accepted == 0 || s.Shares.Found != before.Shares.Found || s.Shares.Accepted != before.Shares.Accepted || s.Shares.Pending != 0 {
			t.Errorf("shares %+v, before %+v", s.Shares, before.Shares)
		}
		if s.State != Mining || s.Trouble != "" || s.Devices[0].Hits <= before.Devices[0].Hits {
			t.Errorf("%s %q, %d hits, before %d", s.State, s.Trouble, s.Devices[0].Hits, before.Devices[0].Hits)
		}
		r.end()
		p.check(t)
	})
}

// A share that is not wanted any more is neither accepted nor rejected.
func TestNotWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool("pool")
		p.answer = func(context.Context, Share) error { return ErrNotWanted }
		r := start(t, Options{}, nil, p)
		pass(time.Minute)
		if n := r.Status().Sources[0].Latency.Count; n != 0 {
			t.Errorf("%d answers were measured", n)
		}
		s := r.Status().Shares
		if s.Found == 0 || s.Accepted != 0 || s.Pending != 0 {
			t.Errorf("shares %+v", s)
		}
		for _, cause := range Causes {
			if s.Rejected[cause] != 0 {
				t.Errorf("%d shares rejected as %s", s.Rejected[cause], cause)
			}
		}
		r.end()
	})
}

// Devices stop while a source has nothing to mine, however long that takes, and
// mine for the next source if there is one.
func TestNoWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool("pool")
		r := start(t, Options{}, nil, p)
		pass(10 * time.Second)
		p.session.Work(nil)
		synctest.Wait()
		before := r.nonces()
		pass(10 * time.Minute)
		if s := r.Status(); s.State != Waiting || s.Trouble != "no source has work: pool: nothing to mine for now" || r.nonces() != before {
			t.Errorf("%s %q, %d nonces, before %d", s.State, s.Trouble, r.nonces(), before)
		}
		p.give(false)
		pass(10 * time.Second)
		if s := r.Status(); s.State != Mining || r.nonces() == before || s.Sources[0].Sessions != 1 {
			t.Errorf("%s %q", s.State, s.Trouble)
		}
		other := newPool("other")
		r.SetSources([]Source{p, other})
		synctest.Wait()
		for _, want := range []string{"pool", "other", "pool"} {
			if want == "other" {
				p.session.Work(nil)
			} else {
				p.give(false)
			}
			pass(time.Minute)
			if got := r.activeSource(); got != want {
				t.Errorf("mines for %q, want %q", got, want)
			}
		}
		r.end()
		p.check(t)
	})
}

// With QuietShares no accepted share is logged, and a rejected one only at the level
// of debugging.
func TestQuietShares(t *testing.T) {
	for _, accepted := range []bool{false, true} {
		for _, quiet := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				p := newPool("pool")
				level := slog.LevelDebug
				if !accepted {
					p.answer = func(context.Context, Share) error { return &Rejection{Cause: Stale} }
					level = slog.LevelInfo
				}
				var log bytes.Buffer
				r := start(t, Options{QuietShares: quiet, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level}))}, nil, p)
				pass(time.Minute)
				r.end()
				if logged := strings.Contains(log.String(), `msg="share`); logged == quiet {
					t.Errorf("accepted %v, quiet %v:\n%s", accepted, quiet, log.String())
				}
			})
		}
	}
}
