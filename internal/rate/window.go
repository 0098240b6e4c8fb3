package rate

import (
	"sort"
	"time"
)

// Counts is one count, or several that are read at the same time. Sub returns the
// difference to an earlier reading.
type Counts[T any] interface {
	Sub(earlier T) T
}

// Count is a single count, for [Window].
type Count float64

// Sub implements [Counts].
func (c Count) Sub(earlier Count) Count { return c - earlier }

// Window keeps readings of counts that only grow, and reports their growth over the
// last seconds or hours. Every and Keep must be set; a Window without readings
// reports zero. Not safe for concurrent use.
type Window[T Counts[T]] struct {
	Every time.Duration // more frequent readings replace each other
	Keep  time.Duration // the longest window of [Window.Over]

	kept   []reading[T] // oldest first; one of them is older than Keep
	newest reading[T]   // even if it is not kept
	first  reading[T]
}

type reading[T any] struct {
	at     time.Time
	counts T
}

// Add adds a reading. Its time must not be before that of the last one.
func (w *Window[T]) Add(now time.Time, counts T) {
	r := reading[T]{now, counts}
	if w.first.at.IsZero() {
		w.first = r
	}
	w.newest = r
	// A ticker may tick a little early.
	if n := len(w.kept); n > 0 && now.Sub(w.kept[n-1].at) < w.Every-w.Every/8 {
		return
	}
	w.kept = append(w.kept, r)
	inside := w.after(now.Add(-w.Keep))
	if inside > 1 {
		w.kept = w.kept[inside-1:]
	}
}

// after returns the index of the first kept reading after a time.
func (w *Window[T]) after(at time.Time) int {
	return sort.Search(len(w.kept), func(i int) bool { return w.kept[i].at.After(at) })
}

// Over returns the growth of the counts between two readings, and the time between
// them: the newest, and the latest that is at least window old, or else the oldest
// that is kept.
func (w *Window[T]) Over(now time.Time, window time.Duration) (counted T, elapsed time.Duration) {
	if len(w.kept) == 0 {
		return counted, 0
	}
	old := w.kept[max(w.after(now.Add(-window))-1, 0)]
	return w.newest.counts.Sub(old.counts), w.newest.at.Sub(old.at)
}

// Total returns the growth of the counts between the first and the newest reading,
// and the time between them.
func (w *Window[T]) Total() (counted T, elapsed time.Duration) {
	if w.first.at.IsZero() {
		return counted, 0
	}
	return w.newest.counts.Sub(w.first.counts), w.newest.at.Sub(w.first.at)
}

// PerSecond returns count divided by elapsed in seconds. It returns 0 if no time has
// elapsed, or for a negative count, as after a reset.
func PerSecond[N ~float64 | ~uint64 | ~int64](count N, elapsed time.Duration) float64 {
	if elapsed <= 0 || count < 0 {
		return 0
	}
	return float64(count) / elapsed.Seconds()
}
