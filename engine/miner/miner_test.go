package miner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"stele/engine"
	"stele/engine/pow"
)

// piece is how long the slow device takes for a piece.
const piece = 4096 * time.Second / perSecond

func TestMine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool("pool")
		r := start(t, Options{Version: "1.2"}, nil, p)
		pass(20 * time.Minute)
		s := r.Status()
		if s.State != Mining || s.Trouble != "" || s.Version != "1.2" {
			t.Errorf("%s %q", s.State, s.Trouble)
		}
		for name, rate := range map[string]float64{
			"10 s": s.Counted.Seconds10, "1 min": s.Counted.Minute1, "15 min": s.Counted.Minutes15,
			"1 h": s.Counted.Hour1, "mean": s.Counted.Mean, "device": s.Devices[0].Rates.Minute1,
		} {
			off := 0.05
			if name == "10 s" {
				off = 0.3 // a piece lasts 2 s
			}
			if math.Abs(rate/perSecond-1) > off {
				t.Errorf("rate of %s is %g, want %d", name, rate, perSecond)
			}
		}
		e := s.Estimated
		if !(e.Low < e.Rate && e.Rate < e.High) || e.Disagrees || math.Abs(e.Rate/perSecond-1) > 0.1 || e.Shares < 2000 {
			t.Errorf("estimate %+v", e)
		}
		if c := s.Shares; c.Accepted == 0 || c.Accepted != c.Found || c.Pending != 0 || s.Devices[0].Shares != c.Found || c.Last.IsZero() {
			t.Errorf("shares %+v", c)
		}
		d := float64(s.Shares.Accepted) * p.target.Difficulty().Float64()
		if math.Abs(s.Shares.Difficulty/d-1) > 1e-9 || s.Shares.Best.Cmp(p.target.Difficulty()) < 0 {
			t.Errorf("difficulty %g, best %v", s.Shares.Difficulty, s.Shares.Best)
		}
		if src := s.Sources[0]; !src.Connected || !src.Active || src.Sessions != 1 || src.Jobs != 1 || src.User != "pool.worker" || src.Shares.Accepted != s.Shares.Accepted {
			t.Errorf("source %+v", src)
		}
		if s.Work.Source != "pool" || s.Work.ID != "1" || s.Work.Network.String() != "1" || s.JobSwitch.Count != 1 {
			t.Errorf("work %+v, switches %+v", s.Work, s.JobSwitch)
		}
		r.end()
		p.check(t)
	})
}

// When the source breaks, the next one has work at once; when it has been connected
// again for a while, the miner returns to it. No device waits at any time.
func TestFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := newPool("a"), newPool("b"), newPool("c")
		r := start(t, Options{}, nil, a, b, c)
		pass(10 * time.Second)
		if b.runs != 1 || c.runs != 0 {
			t.Errorf("%d sessions of the standby, %d of the third source", b.runs, c.runs)
		}
		began, before := time.Now(), r.nonces()
		for round := range 2 {
			if got := r.activeSource(); got != "a" {
				t.Fatalf("round %d: %q is active", round, got)
			}
			a.set(true)
			synctest.Wait()
			if got := r.activeSource(); got != "b" {
				t.Fatalf("round %d: %q is active after a broke", round, got)
			}
			pass(2 * time.Minute)
			if s := r.Status(); s.State != Mining || s.Sources[0].Connected || s.Sources[0].Error == "" || !s.Sources[2].Connected {
				t.Errorf("round %d: %+v", round, s.Sources)
			}
			a.set(false)
			pass(defaultTimes.maxBackOff) // it is back at the latest then, and does not stand for long
			for !r.Status().Sources[0].Connected {
				pass(time.Second)
			}
			pass(defaultTimes.settle + 2*time.Second)
			if got := r.activeSource(); got != "a" {
				t.Errorf("round %d: %q is active after a stood again", round, got)
			}
			if s := r.Status(); s.Sources[2].Connected {
				t.Errorf("round %d: the third source keeps its session", round)
			}
		}
		if idle := r.idle(began, before); idle > 2*piece.Seconds() {
			t.Errorf("the device did nothing for %.1f s", idle)
		}
		if s := r.Status(); s.Shares.Found != s.Shares.Accepted {
			t.Errorf("shares %+v", s.Shares)
		}
		r.end()
		a.check(t)
		b.check(t)
	})
}

// The miner does not switch to a better source each time that it connects for a moment.
func TestUnsteadyPrimary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPool("a"), newPool("b")
		r := start(t, Options{}, nil, a, b)
		pass(time.Minute)
		a.set(true)
		pass(time.Second)
		for range 5 {
			a.set(false)
			for !r.Status().Sources[0].Connected {
				pass(time.Second)
			}
			pass(20 * time.Second) // less than it takes to go back
			if got := r.activeSource(); got != "b" {
				t.Errorf("%q is active", got)
			}
			a.set(true)
			pass(time.Second)
		}
		r.end()
	})
}

// An outage of ten minutes: the devices keep mining, and all shares count in the end.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool("pool")
		r := start(t, Options{}, nil, p)
		pass(time.Minute)
		began, before := time.Now(), r.nonces()
		p.set(true)
		pass(10 * time.Minute)
		s := r.Status()
		if s.State != Mining || s.Trouble == "" || s.Shares.Pending < 500 || s.Sources[0].Connected {
			t.Errorf("in the outage: %s %q, %+v", s.State, s.Trouble, s.Shares)
		}
		p.set(false)
		pass(2 * defaultTimes.maxBackOff)
		s = r.Status()
		if idle := r.idle(began, before); idle > 2*piece.Seconds() {
			t.Errorf("the device did nothing for %.1f s", idle)
		}
		if s.Shares.Accepted != s.Shares.Found || !s.Sources[0].Connected || s.Trouble != "" {
			t.Errorf("after the outage: %q, %+v", s.Trouble, s.Shares)
		}
		r.end()
		p.check(t)
	})
}

// Work that can no longer count is not mined forever, and the first new work is mined.
func TestLongOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool("pool")
		r := start(t, Options{}, nil, p)
		pass(time.Minute)
		p.set(true)
		pass(24 * time.Hour)
		s := r.Status()
		if s.State != Waiting || s.Trouble == "" || s.Counted.Hour1 != 0 || p.runs < 24*60 || p.runs > 24*60*2+20 {
			t.Errorf("%s %q, %g, %d tries", s.State, s.Trouble, s.Counted.Hour1, p.runs)
		}
		p.set(false)
		pass(defaultTimes.maxBackOff + time.Second)
		if s := r.Status(); s.State != Mining {
			t.Errorf("%s %q", s.State, s.Trouble)
		}
		r.end()
		p.check(t)
	})
}

// The last work of a source that loses its shares is not mined on.
func TestLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool("pool")
		p.answer = func(ctx context.Context, _ Share) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.down {
				return fmt.Errorf("no resumption: %w", ErrLost)
			}
			return nil
		}
		r := start(t, Options{}, nil, p)
		pass(time.Minute)
		p.set(true)
		pass(time.Minute)
		s := r.Status()
		if s.State != Waiting || s.Shares.Rejected[Lost] == 0 || s.Shares.Accepted+s.Shares.Rejected[Lost] != s.Shares.Found {
			t.Errorf("%s, %+v", s.State, s.Shares)
		}
		r.end()
	})
}

// A session without work is ended, and the next source is used meanwhile.
func TestSilentSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPool("a"), newPool("b")
		a.silent = true
		r := start(t, Options{}, nil, a, b)
		if got := r.activeSource(); got != "b" {
			t.Errorf("%q is active", got)
		}
		pass(10 * time.Minute)
		if s := r.Status(); a.runs < 5 || s.Sources[0].Error != errNoWork.Error() || s.State != Mining {
			t.Errorf("%d sessions, %+v", a.runs, s.Sources[0])
		}
		r.end()
	})
}

func TestFatal(t *testing.T) {
	refused := fmt.Errorf("%w: unknown worker", ErrFatal)
	t.Run("all", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, b := newPool("a"), newPool("b")
			a.refuse, b.refuse = refused, refused
			r := start(t, Options{}, nil, a, b)
			if err := <-r.done; !errors.Is(err, ErrNoSource) {
				t.Errorf("got %v", err)
			}
			r.stop()
		})
	})
	t.Run("one", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, b := newPool("a"), newPool("b")
			a.refuse = refused
			r := start(t, Options{}, nil, a, b)
			pass(time.Hour)
			if got := r.activeSource(); got != "b" || a.runs < 11 || a.runs > 13 {
				t.Errorf("%q is active, %d tries of a", got, a.runs)
			}
			r.end()
		})
	})
	t.Run("after work", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPool("pool")
			var log bytes.Buffer
			r := start(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))}, nil, p)
			pass(time.Minute)
			p.mu.Lock()
			p.refuse = refused
			p.end()
			p.mu.Unlock()
			pass(time.Hour)
			if s := r.Status(); s.State != Waiting || p.runs < 60 {
				t.Errorf("%s, %d tries in an hour", s.State, p.runs-1)
			}
			p.mu.Lock()
			p.refuse = nil
			p.mu.Unlock()
			pass(defaultTimes.maxBackOff)
			if s := r.Status(); s.State != Mining {
				t.Errorf("%s %q", s.State, s.Trouble)
			}
			p.set(true)
			pass(time.Hour)
			r.end()
			// Each loss has a line of the log, and one for each other reason of it.
			for line, want := range map[string]int{
				"source disconnected": 2, "source connection failed": 2, `err="connection reset"`: 2, `err="refused: unknown worker"`: 1, `err="connection refused"`: 1,
			} {
				if n := strings.Count(log.String(), line); n != want {
					t.Errorf("%d times %s, want %d:\n%s", n, line, want, &log)
				}
			}
		})
	})
	t.Run("none", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, Options{}, nil)
			if err := <-r.done; !errors.Is(err, ErrNoSource) {
				t.Errorf("got %v", err)
			}
			r.stop()
		})
	})
}

func TestNoDevice(t *testing.T) {
	m := New(Options{Engine: engine.New(nil, nil), Sources: []Source{newPool("pool")}})
	if err := m.Run(t.Context()); !errors.Is(err, engine.ErrNoDevice) {
		t.Errorf("got %v", err)
	}
}

// Clean work makes older work stale: its hits are not submitted.
func TestClean(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool("pool")
		r := start(t, Options{}, nil, p)
		for i := range 20 {
			pass(1500 * time.Millisecond) // within a piece
			p.give(i%2 == 0)
			synctest.Wait()
		}
		s := r.Status()
		for _, share := range p.accepted {
			for i, w := range p.works {
				if w == share.Work && share.Found.Sub(w.Received) > 1500*time.Millisecond {
					t.Errorf("a share of job %d, %v old", i, share.Found.Sub(w.Received))
				}
			}
		}
		if s.Shares.Rejected[Stale] == 0 || s.Shares.Accepted == 0 || s.Shares.Accepted+s.Shares.Rejected[Stale] != s.Shares.Found {
			t.Errorf("%+v", s.Shares)
		}
		if s.JobSwitch.Count != 21 || s.JobSwitch.Max > time.Second {
			t.Errorf("switches %+v", s.JobSwitch)
		}
		r.end()
		p.check(t)
	})
}

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool("pool")
		r := start(t, Options{}, nil, p)
		pass(10 * time.Second)
		r.Pause()
		synctest.Wait()
		before := r.nonces()
		pass(5 * time.Minute)
		p.give(true)
		pass(5 * time.Minute)
		s := r.Status()
		if s.State != Paused || r.nonces() != before || s.Counted.Minute1 != 0 || !s.Sources[0].Connected || s.Devices[0].Health != OK {
			t.Errorf("paused: %s %q, %+v", s.State, s.Trouble, s.Counted)
		}
		r.Resume()
		pass(10 * time.Second)
		if s := r.Status(); s.State != Mining || r.nonces() == before {
			t.Errorf("resumed: %s %q", s.State, s.Trouble)
		}
		if s := r.Status().JobSwitch; s.Count != 1 || s.Max > time.Second {
			t.Errorf("a pause counts as a slow switch: %+v", s)
		}
		p.give(true)
		pass(10 * time.Second)
		if s := r.Status().JobSwitch; s.Count != 2 || s.Max > time.Second {
			t.Errorf("after the next job: %+v", s)
		}
		r.end()
		p.check(t)
	})
}

// Another list keeps the sessions of the sources that stay.
func TestSetSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := newPool("a"), newPool("b"), newPool("c")
		r := start(t, Options{}, nil, a, b)
		pass(time.Minute)
		before := r.nonces()
		began := time.Now()
		r.SetSources([]Source{c, b, c})
		pass(2 * time.Second)
		s := r.Status()
		if len(s.Sources) != 2 || s.Sources[0].Name != "c" || s.Sources[1].Sessions != 1 || !s.Sources[1].Connected || b.runs != 1 {
			t.Errorf("sources %+v", s.Sources)
		}
		if s.State != Mining || s.Shares.Accepted == 0 || a.session != nil {
			t.Errorf("%s, %+v", s.State, s.Shares)
		}
		pass(time.Minute)
		if got := r.activeSource(); got != "c" {
			t.Errorf("%q is active", got)
		}
		if idle := r.idle(began, before); idle > 2*piece.Seconds() {
			t.Errorf("the device did nothing for %.1f s", idle)
		}
		r.SetSources(nil)
		if err := <-r.done; !errors.Is(err, ErrNoSource) {
			t.Errorf("without sources: %v", err)
		}
		r.stop()
	})
}

// A source with other settings replaces the one before, without a pause of the device
// and without a lost share, and continues its counts.
func TestSetSourcesReplaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slowly := func(ctx context.Context, _ Share) error {
			select {
			case <-time.After(3 * time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		old, now := newPool("a"), newPool("a")
		old.answer, now.answer = slowly, slowly
		r := start(t, Options{}, nil, old)
		pass(time.Minute)
		before, began, nonces := r.Status(), time.Now(), r.nonces()
		if before.Shares.Pending == 0 {
			t.Fatal("no share is under way")
		}
		now.set(true)
		r.SetSources([]Source{now})
		pass(3 * time.Second)
		now.set(false)
		pass(time.Minute)
		s := r.Status()
		if old.session != nil || now.session == nil || len(r.leaving) != 0 || len(s.Sources) != 1 {
			t.Errorf("sessions: old %v, now %v; %d leave", old.session, now.session, len(r.leaving))
		}
		if one := s.Sources[0]; one.Sessions != before.Sources[0].Sessions+1 || one.Shares.Found != s.Shares.Found || s.Shares.Rejected[Lost] != 0 {
			t.Errorf("source %+v, all shares %+v", one, s.Shares)
		}
		if idle := r.idle(began, nonces); idle > 2*piece.Seconds() {
			t.Errorf("the device did nothing for %.1f s", idle)
		}
		r.end()
	})
}

// While a source with other settings connects, the work of the old one is mined,
// and not that of a worse source.
func TestSetSourcesReplacesBest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, now, other := newPool("a"), newPool("a"), newPool("b")
		now.silent = true // not yet
		r := start(t, Options{}, nil, old, other)
		pass(time.Minute)
		r.SetSources([]Source{now, other})
		pass(3 * time.Second)
		if r.active.source != old {
			t.Errorf("the work of %s is mined", r.active.name)
		}
		now.give(true)
		synctest.Wait()
		if r.active.source != now {
			t.Errorf("the work of %s is mined after that", r.active.name)
		}
		r.end()
	})
}

// A removed source that never answers ends all the same.
func TestSetSourcesHanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPool("a"), newPool("b")
		a.answer = func(ctx context.Context, _ Share) error { <-ctx.Done(); return ctx.Err() }
		b.set(true)
		r := start(t, Options{}, nil, a)
		pass(time.Minute)
		found := r.Status().Shares.Found
		r.SetSources([]Source{b})
		pass(5 * time.Second)
		if s := r.Status(); s.State != Mining || s.Shares.Found == found {
			t.Errorf("its last work is not mined: %s", s.State)
		}
		pass(10 * time.Second)
		if s := r.Status(); a.session != nil || s.State != Waiting || s.Shares.Pending != 0 || s.Shares.Rejected[Lost] != s.Shares.Found {
			t.Errorf("%s, %+v", s.State, s.Shares)
		}
		r.end()
	})
}

// A source that hangs does not keep the miner from stopping.
func TestStopWithHangingSubmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool("pool")
		release := make(chan struct{})
		p.answer = func(context.Context, Share) error { <-release; return nil }
		r := start(t, Options{}, nil, p)
		pass(time.Minute)
		began := time.Now()
		r.end()
		if took := time.Since(began); took >= 3*time.Second {
			t.Errorf("the end took %v", took)
		}
		close(release)
	})
}

// The last shares get their answer.
func TestStopWaitsForAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool("pool")
		p.answer = func(ctx context.Context, _ Share) error {
			select {
			case <-time.After(300 * time.Millisecond):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		r := start(t, Options{}, nil, p)
		for r.Status().Shares.Pending == 0 {
			pass(10 * time.Millisecond)
		}
		r.end()
		if s := r.Status().Shares; s.Pending != 0 || s.Accepted != s.Found || s.Found == 0 {
			t.Errorf("%+v", s)
		}
	})
}

// A source that rejects every share is suspended, longer and longer, while
// another one has work, and is mined again when it accepts.
func TestRejections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPool("a"), newPool("b")
		var broken atomic.Bool
		broken.Store(true)
		a.answer = func(context.Context, Share) error {
			if broken.Load() {
				return &Rejection{Cause: LowDifficulty, Text: "above target"}
			}
			return nil
		}
		r := start(t, Options{}, nil, a, b)
		pass(defaultTimes.rejecting - time.Second)
		if got := r.activeSource(); got != "a" {
			t.Fatalf("%q is active before it has rejected shares for long", got)
		}
		pass(time.Minute) // the first shares come after half of that
		s := r.Status()
		if got := r.activeSource(); got != "b" || s.Sources[0].Error != "all shares rejected: low-difficulty" || s.Trouble != "" {
			t.Fatalf("%q is active: %q, %+v", got, s.Trouble, s.Sources[0])
		}
		rejected := s.Sources[0].Shares.Rejected[LowDifficulty]
		pass(4 * time.Hour) // of which a has 30 s every time
		n := r.Status().Sources[0].Shares.Rejected[LowDifficulty]
		if times := float64(n) / float64(rejected); times < 4 || times > 8 {
			t.Errorf("a was tried about %.1f times in 4 hours", times)
		}
		broken.Store(false)
		pass(defaultTimes.maxSuspend + time.Minute)
		if s := r.Status(); r.activeSource() != "a" || s.Sources[0].Error != "" || s.Sources[0].Shares.Accepted == 0 {
			t.Errorf("%q is active, %+v", r.activeSource(), s.Sources[0])
		}
		r.end()
	})
}

// Shares that are rejected because the source has raised its difficulty are
// nobody's fault either.
func TestRefusalsRaised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPool("a"), newPool("b")
		a.answer = func(context.Context, Share) error {
			return &Rejection{Cause: LowDifficulty, Text: "low difficulty share", Raised: true}
		}
		r := start(t, Options{}, nil, a, b)
		pass(time.Hour)
		if s := r.Status(); r.activeSource() != "a" || s.Sources[0].Error != "" || s.Sources[0].Shares.Rejected[LowDifficulty] < 1000 {
			t.Errorf("%q is active, %+v", r.activeSource(), s.Sources[0])
		}
		r.end()
	})
}

// If there is no other, it is mined all the same, and the status says so.
func TestRefusalsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool("pool")
		p.answer = func(context.Context, Share) error { return &Rejection{Cause: Unauthorized, Text: "who?"} }
		r := start(t, Options{}, nil, p)
		pass(time.Minute)
		if s := r.Status(); s.State != Mining || s.Trouble != "pool: all shares rejected: unauthorized" {
			t.Errorf("%s, %q", s.State, s.Trouble)
		}
		r.end()
	})
}

// Stale shares, and those that are lost, are nobody's fault.
func TestRejectionsStale(t *testing.T) {
	now, r := time.Unix(1e9, 0), rejections{}
	for range 1000 {
		now = now.Add(time.Second)
		if r.add(Stale, now, defaultTimes) || r.add(Lost, now, defaultTimes) {
			t.Fatal("stale shares suspend a source")
		}
	}
	for i := range 1000 {
		now = now.Add(time.Second)
		if i%maxRejections == maxRejections-1 {
			r.reset()
		}
		if r.add(Invalid, now, defaultTimes) {
			t.Fatal("a source that accepts shares is suspended")
		}
	}
}

// The first block on a parent is submitted although its work is out of date. A share
// that is not a block is not.
func TestBlockOfOldWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool("pool")
		p.target = pow.ZeroBits(1)
		r := start(t, Options{}, &slow{id: "slow", mode: blind}, p)
		pass(time.Second)
		r.mu.Lock()
		old := r.switching.job
		r.mu.Unlock()
		p.give(true) // as many pools say always
		synctest.Wait()
		header, err := pow.DecodeHeader(old.Header[:])
		if err != nil {
			t.Fatal(err)
		}
		hit := func(bits pow.Bits) {
			header.Bits = bits
			for header.Nonce++; !p.target.MetBy(header.Hash()); {
				header.Nonce++
			}
			job := old
			job.Header = header.Encode()
			r.hit(engine.Hit{Job: job, Version: header.Version, Nonce: header.Nonce, Hash: header.Hash(), Device: "slow"})
			synctest.Wait()
		}
		p.answer = func(context.Context, Share) error { return nil }
		for i, want := range []struct {
			bits            pow.Bits
			accepted, stale uint64
		}{
			{0x1d00ffff, 0, 1},
			{0x207fffff, 1, 1},
			{0x207fffff, 1, 2},
		} {
			hit(want.bits)
			if s := r.Status().Shares; s.Accepted != want.accepted || s.Rejected[Stale] != want.stale || s.Blocks != want.accepted {
				t.Errorf("after hit %d: %+v", i, s)
			}
		}
		r.end()
	})
}

// flap sends work and breaks at once.
type flap struct{ *pool }

func (f flap) Run(_ context.Context, s Session) error {
	f.mu.Lock()
	f.runs++
	w := f.work("1", true)
	f.mu.Unlock()
	s.Work(w)
	return errors.New("kicked")
}

// A pool that breaks each session at once is not flooded with connections.
func TestBackOffFlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := flap{newPool("pool")}
		r := start(t, Options{}, nil, f)
		pass(10 * time.Minute)
		if f.runs < 10 || f.runs > 30 {
			t.Errorf("%d sessions in 10 minutes", f.runs)
		}
		r.end()
	})
}

// A source without new work for long is left for one that has some, and connected again.
func TestNoNewWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPool("a"), newPool("b")
		r := start(t, Options{}, nil, a, b)
		for range 20 {
			pass(time.Minute)
			b.give(false)
		}
		if got := r.activeSource(); got != "a" {
			t.Fatalf("%q is active", got)
		}
		for range 12 {
			pass(time.Minute)
			b.give(false)
		}
		if a.runs != 2 || b.runs != 1 {
			t.Errorf("%d sessions of a source without new work, %d of the other", a.runs, b.runs)
		}
		r.end()
	})
}
