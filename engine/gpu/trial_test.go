package gpu

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"stele/engine/pow"
	kernels "stele/kernels/cuda"
)

// A trial gives each variant the same time at work, leaves out pauses and what a
// GPU does until it has settled, and finishes once.
func TestTrial(t *testing.T) {
	for _, tt := range []struct {
		name   string
		hashes [2]uint64  // of a launch
		joules [2]float64 // for a launch
		capped bool
		winner int
	}{
		{"the first has more hashes", [2]uint64{102, 100}, [2]float64{5, 1}, false, 0},
		{"the second has more hashes", [2]uint64{100, 101}, [2]float64{1, 5}, false, 1},
		{"equal", [2]uint64{100, 100}, [2]float64{1, 1}, false, 0},
		{"the limit holds both back", [2]uint64{101, 100}, [2]float64{2, 1.9}, true, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			variants := [2]*variant{{}, {}}
			finished := 0
			var sums [2]sum
			tr := &trial{variants: variants}
			tr.finish = func(winner, loser *variant, got [2]sum) {
				if winner != variants[tt.winner] || loser != variants[1-tt.winner] {
					t.Error("the other one has won")
				}
				finished++
				sums = got
			}
			const launch = 2 * time.Millisecond
			now, energy, marks := time.Unix(1_800_000_000, 0), 1.0, 0
			for i := 0; i < 100_000 && finished == 0; i++ {
				v := tr.next()
				n := 0
				if v == variants[1] {
					n = 1
				}
				tr.begin(now)
				now = now.Add(launch)
				hashes, joules := tt.hashes[n], tt.joules[n]
				if !tr.measure { // clocks and power are still those of the other kernel
					hashes, joules = 10*hashes, 10*joules
				}
				energy += joules
				if tr.end(now, v, hashes) {
					marks++
					tr.mark(sensors{joules: energy, capped: tt.capped})
				}
				if i%1000 == 0 {
					now = now.Add(time.Minute) // a pause
				}
			}
			if finished != 1 || marks != 2*trialTurns {
				t.Fatalf("finished %d times, sensors were read %d times", finished, marks)
			}
			for i, s := range sums {
				launches := uint64(trialTurns / 2 * trialTurn / launch)
				if s.hashes != launches*tt.hashes[i] || s.busy != trialTurns/2*trialTurn || s.unknown > 0 {
					t.Errorf("variant %d: %+v, want %d launches", i, s, launches)
				}
			}
		})
	}
}

// A launch that begins while another is in flight may complete the time of a
// part: then the next one that ends is due, and only that.
func TestTrialOverlap(t *testing.T) {
	variants := [2]*variant{{}, {}}
	finished := 0
	tr := &trial{variants: variants, finish: func(_, _ *variant, _ [2]sum) { finished++ }}
	now := time.Unix(1_800_000_000, 0)
	for part := range 2 * trialTurns {
		v := tr.next()
		tr.begin(now)
		now = now.Add(trialSettle + trialTurn)
		tr.begin(now) // completes the part
		now = now.Add(time.Millisecond)
		if !tr.end(now, v, 1) {
			t.Fatalf("part %d never ends", part)
		}
		if tr.end(now, v, 1) {
			t.Fatalf("part %d: the sensors are read twice", part)
		}
		tr.mark(sensors{})
	}
	if finished != 1 {
		t.Errorf("finished %d times", finished)
	}
}

// Without energies hashes decide, also where the power limit holds both back.
func TestBetter(t *testing.T) {
	s := func(hashes uint64, joules float64, unknown, capped int) sum {
		return sum{hashes: hashes, busy: time.Minute, joules: joules, unknown: unknown, capped: capped}
	}
	for i, tt := range []struct {
		a, b sum
		want bool
	}{
		{s(100, 10, 0, 0), s(99, 5, 0, 0), true},
		{s(100, 10, 0, 4), s(99, 5, 0, 4), false},
		{s(100, 10, 0, 4), s(99, 5, 0, 2), true},
		{s(100, 0, 4, 4), s(99, 5, 0, 4), true},
	} {
		if got := better(tt.a, tt.b); got != tt.want {
			t.Errorf("%d: %v", i, got)
		}
	}
}

// The kernel that was faster in the tuning, and is slower at work, gives way to
// the second, in this process and in later ones.
func TestCompareAtWork(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, f *fake) {
		times := map[string]time.Duration{"scan_a": 450 * time.Millisecond, "scan_b": 500 * time.Millisecond}
		f.slow = func(entry string) time.Duration { return cmp.Or(times[entry], 600*time.Millisecond) }
		var log bytes.Buffer
		opts := Options{CacheDir: t.TempDir(), SpotCheck: -1, Compare: true, Log: slog.New(slog.NewTextHandler(&log, nil))}
		d := openOne(t, f, opts)
		if got := d.Info().SearchKernel; got != "scan_a" || d.session.singleVersion.trial.Load() == nil {
			t.Fatalf("the tuning has chosen %s", got)
		}
		times["scan_a"] = 550 * time.Millisecond // no launch is under way
		work := func(d *Device, s time.Duration) {
			job := testJob(f, 3, 40)
			ctx, cancel := context.WithTimeout(t.Context(), s)
			defer cancel()
			var lanes sync.WaitGroup
			for range 2 {
				lanes.Go(func() { _, _ = d.Scan(ctx, &job, pow.Range{Count: 1 << 32}, nil) })
			}
			lanes.Wait()
		}
		work(d, 3*time.Minute)
		if k := d.session.singleVersion; k.trial.Load() != nil || k.used.Load().shape.Entry != "scan_b" {
			t.Errorf("%s is used", k.used.Load().shape.Entry)
		}
		if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "kernel=scan_b instead_of=scan_a") {
			t.Errorf("log:\n%s", text)
		}
		if d.session.multiVersion.trial.Load() == nil {
			t.Error("the other searcher has not worked, and its trial is over")
		}
		stored := readCache(cacheFile(opts.CacheDir))[cacheKey(f.list[0], f.version(), 0, kernels.Scan, "")]
		if stored.Entry != "scan_b" || stored.Second == nil || stored.Second.Entry != "scan_a" || !stored.Settled {
			t.Errorf("stored %+v", stored)
		}
		_ = d.Close()

		f.system = newSystem(fakeDriver{f})
		next := openOne(t, f, opts)
		if k := next.session.singleVersion; k.trial.Load() != nil || next.Info().SearchKernel != "scan_b" {
			t.Errorf("the next process uses %s", next.Info().SearchKernel)
		}
		_ = next.Close()
	})
}

// A second kernel that fails its self-test never mines: where it gives wrong
// answers the GPU is used at once, where it breaks the session by the next one.
func TestSecondFails(t *testing.T) {
	for name, second := range map[string]struct {
		blind string
		takes time.Duration
		want  error // of the first session
	}{
		"wrong": {"scan_b", time.Millisecond, nil},
		"hangs": {"", time.Minute, ErrHung},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, f *fake) {
				var log bytes.Buffer
				opts := Options{CacheDir: t.TempDir(), SpotCheck: -1, Compare: true, Log: slog.New(slog.NewTextHandler(&log, nil))}
				file, key := cacheFile(opts.CacheDir), func(kind kernels.Kind) string { return cacheKey(f.list[0], f.version(), 0, kind, "") }
				for kind, name := range map[kernels.Kind]string{kernels.Scan: "scan_", kernels.Roll: "roll_"} {
					measured := tuning{shape: shape{Entry: name + "a", Blocks: 1}, Second: &shape{Entry: name + "b", Blocks: 1}}
					if err := writeCache(file, key(kind), measured); err != nil {
						t.Fatal(err)
					}
				}
				f.blind = second.blind
				f.slow = func(entry string) time.Duration {
					if entry == "scan_b" {
						return second.takes
					}
					return time.Millisecond
				}
				if second.want != nil {
					if devices, absent := open(f.system, opts); len(devices) != 0 || !errors.Is(absent[0].Err, second.want) {
						t.Fatalf("%d devices, absent %v", len(devices), absent)
					}
				}
				d := openOne(t, f, opts)
				if k := d.session.singleVersion; k.trial.Load() != nil || k.used.Load().shape.Entry != "scan_a" {
					t.Errorf("%s is used", k.used.Load().shape.Entry)
				}
				if d.session.multiVersion.trial.Load() == nil {
					t.Error("the other searcher has no trial")
				}
				if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "kernel=scan_b") {
					t.Errorf("log:\n%s", text)
				}
				stored := readCache(file)[key(kernels.Scan)]
				if stored.Entry != "scan_a" || stored.Second != nil || !stored.Settled {
					t.Errorf("stored %+v", stored)
				}
				_ = d.Close()
				time.Sleep(second.takes) // a launch that hangs returns
			})
		})
	}
}

// A tuning does not begin before the clocks of an idle GPU have risen: otherwise
// the kernels that are measured later would seem faster.
func TestTuneWarmsUp(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, f *fake) {
		const rise = 800 * time.Millisecond
		start := time.Now()
		f.slow = func(entry string) time.Duration {
			took := 21 * time.Millisecond
			if entry == "scan_a" {
				took = 20 * time.Millisecond
			}
			cold := 1 - min(time.Since(start), rise).Seconds()/rise.Seconds()
			return took + time.Duration(cold*float64(took)) // from half the clock on
		}
		d := openOne(t, f, Options{CacheDir: t.TempDir(), SpotCheck: -1})
		if got := d.Info().SearchKernel; got != "scan_a" {
			t.Errorf("the tuning has chosen %s", got)
		}
		_ = d.Close()
	})
}
