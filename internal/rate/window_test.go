package rate_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"stele/internal/rate"
)

func perSecond(w *rate.Window[rate.Count], now time.Time, window time.Duration) float64 {
	return rate.PerSecond(w.Over(now, window))
}

func TestWindow(t *testing.T) {
	w := rate.Window[rate.Count]{Every: time.Second, Keep: time.Hour}
	now := time.Unix(1_700_000_000, 0)
	if n, d := w.Over(now, time.Minute); n != 0 || d != 0 {
		t.Errorf("without readings: %v in %v", n, d)
	}
	if n, d := w.Total(); n != 0 || d != 0 {
		t.Errorf("total without readings: %v in %v", n, d)
	}
	n := rate.Count(1000) // counted before
	w.Add(now, n)
	run := func(d time.Duration, each rate.Count) {
		for range int(d / time.Second) {
			now = now.Add(time.Second)
			n += each
			w.Add(now, n)
		}
	}
	run(5*time.Second, 100)
	if got := perSecond(&w, now, time.Hour); got != 100 {
		t.Errorf("shorter than its window: %v", got)
	}
	run(2*time.Hour, 100)
	run(30*time.Second, 0)
	for _, c := range []struct {
		window    time.Duration
		low, high float64
	}{{10 * time.Second, 0, 0}, {time.Minute, 50, 50}, {15 * time.Minute, 96, 97}, {time.Hour, 99, 99.5}} {
		if got := perSecond(&w, now, c.window); got < c.low || got > c.high {
			t.Errorf("over %v: %v, want %v to %v", c.window, got, c.low, c.high)
		}
	}
	if counted, elapsed := w.Total(); counted != 100*(5+7200) || elapsed != 7235*time.Second {
		t.Errorf("total: %v in %v", counted, elapsed)
	}
}

// Whatever the times of the readings, a steady count has its rate over every
// window.
func TestWindowSteady(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := rate.Window[rate.Count]{
			Every: time.Duration(rapid.IntRange(0, 2000).Draw(t, "every")) * time.Millisecond,
			Keep:  time.Duration(rapid.IntRange(1, 60).Draw(t, "keep")) * time.Second,
		}
		start := time.Unix(1_700_000_000, 0)
		now := start
		for range rapid.IntRange(2, 200).Draw(t, "readings") {
			w.Add(now, rate.Count(now.Sub(start).Seconds()*8))
			now = now.Add(time.Duration(rapid.IntRange(1, 3000).Draw(t, "step")) * time.Millisecond)
		}
		window := time.Duration(rapid.IntRange(1, 90).Draw(t, "window")) * time.Second
		counted, elapsed := w.Over(now, window)
		if got := rate.PerSecond(counted, elapsed); elapsed > 0 && (got < 7.999 || got > 8.001) {
			t.Fatalf("%v per second over %v, want 8", got, window)
		}
	})
}

func TestPerSecond(t *testing.T) {
	for _, c := range []struct {
		count   float64
		elapsed time.Duration
		want    float64
	}{{10, 2 * time.Second, 5}, {10, 0, 0}, {10, -time.Second, 0}, {-1, time.Second, 0}} {
		if got := rate.PerSecond(c.count, c.elapsed); got != c.want {
			t.Errorf("PerSecond(%v, %v) = %v, want %v", c.count, c.elapsed, got, c.want)
		}
	}
}
