package endtoend

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stele/engine"
)

// piece is the report of a piece of job number n, between two moments in milliseconds.
func piece(at time.Time, n uint64, from, to int, hashes uint64) engine.PieceReport {
	p := engine.PieceReport{Device: "x", Start: at.Add(time.Duration(from) * time.Millisecond), End: at.Add(time.Duration(to) * time.Millisecond), Hashes: hashes}
	binary.LittleEndian.PutUint64(p.Job.Header[4:], n)
	return p
}

func TestSwitches(t *testing.T) {
	at := time.Now()
	ms := func(n int) time.Time { return at.Add(time.Duration(n) * time.Millisecond) }
	written := map[uint64]time.Time{7: ms(-5), 8: ms(100), 9: ms(200), 10: ms(300), 11: ms(390)}
	o := observed{
		// Job 9 was replaced before all devices had it, and job 11 when the phase ended.
		switched: map[uint64]time.Time{7: ms(1), 8: ms(103), 10: ms(304)},
		pieces: []engine.PieceReport{
			piece(at, 7, 60, 110, 50_000), // 10 of 50 ms too late
			piece(at, 7, 101, 103, 1000),  // begun too late
			piece(at, 7, 10, 60, 50_000),
			piece(at, 8, 150, 202, 52_000), // 2 ms
			piece(at, 8, 150, 200, 50_000),
			piece(at, 6, 0, 500, 1), // of the phase before
			piece(at, 11, 391, 400, 9000),
		},
	}
	got := o.switches(7, 11, written, ms(400))
	want := []struct {
		ms    int
		stale uint64
	}{{3, 11_000}, {104, 2000}, {4, 0}, {10, 0}}
	if len(got) != len(want) {
		t.Fatalf("%d switches, want %d", len(got), len(want))
	}
	for i, w := range want {
		if time.Duration(got[i].Seconds*1e9).Round(time.Microsecond) != time.Duration(w.ms)*time.Millisecond || got[i].StaleHashes != w.stale {
			t.Errorf("switch %d: %+v, want %+v", i, got[i], w)
		}
	}
	if none := o.switches(7, 7, written, ms(400)); len(none) != 0 {
		t.Errorf("%d switches of one job", len(none))
	}
}

// The hashes before a moment and after it are all hashes of a piece.
func TestHashesAfter(t *testing.T) {
	at := time.Now()
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.IntRange(-100, 100).Draw(t, "from")
		to := from + rapid.IntRange(0, 100).Draw(t, "length")
		p := piece(at, 1, from, to, rapid.Uint64Range(0, 1<<40).Draw(t, "hashes"))
		got := hashesAfter(p, at)
		switch {
		case to <= 0 && got != 0, from >= 0 && to > 0 && got != p.Hashes, got > p.Hashes:
			t.Fatalf("%d of %d hashes from %d to %d", got, p.Hashes, from, to)
		}
		if from < 0 && to > 0 {
			if want := float64(p.Hashes) * float64(to) / float64(to-from); float64(got) > want || float64(got) < want-1-want*1e-9 {
				t.Fatalf("%d, want %g", got, want)
			}
		}
	})
}

func TestPauseBeforeJob(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	sum := time.Duration(0)
	for range 1000 {
		p := pauseBeforeJob(random)
		if p < jobPause-jobJitter || p >= jobPause+jobJitter {
			t.Fatalf("%v", p)
		}
		sum += p
	}
	if mean := sum / 1000; (mean - jobPause).Abs() > 2*time.Millisecond {
		t.Errorf("mean %v, want %v", mean, jobPause)
	}
}

func TestPlanFor(t *testing.T) {
	for d, want := range map[time.Duration]Plan{
		100 * time.Millisecond: {10, 20 * time.Millisecond},
		4 * time.Second:        {10, 100 * time.Millisecond},
		10 * time.Second:       {10, 250 * time.Millisecond},
		time.Minute:            {15, time.Second},
		time.Hour:              {450, 2 * time.Second},
	} {
		if got := PlanFor(d); got != want {
			t.Errorf("%v: %+v, want %+v", d, got, want)
		}
	}
}
