package supervision

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Buckets ascend without a gap, and the last second of each is less than 1/32 above all of
// its times.
func TestBuckets(t *testing.T) {
	for s := uint32(0); s < 1<<20; s++ {
		b := bucketOf(s)
		if last := lastOf(b); s > last || uint64(last-s)*finest >= max(uint64(s), 1) || bucketOf(last) != b {
			t.Fatalf("%d s are in the bucket %d, which ends at %d s", s, b, last)
		}
		if next := bucketOf(s + 1); next != b && (next != b+1 || lastOf(b) != s) {
			t.Fatalf("after the bucket %d, which has %d s, comes %d", b, s, next)
		}
	}
	if b := bucketOf(math.MaxUint32); b != 895 || lastOf(b) != math.MaxUint32 {
		t.Errorf("the last bucket is %d, and ends at %d", b, lastOf(b))
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.Uint32().Draw(t, "seconds")
		if last := lastOf(bucketOf(s)); s > last || uint64(last-s)*finest >= max(uint64(s), 1) {
			t.Fatalf("%d s are in a bucket that ends at %d s", s, last)
		}
	})
}

// Percentiles of buckets are those of a sorted list, up to the width of a bucket.
func TestPercentiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.Uint32(), 1, 300).Draw(t, "times")
		slices.Sort(times)
		var buckets []bucket
		for _, s := range times {
			if n := len(buckets); n > 0 && buckets[n-1].number == bucketOf(s) {
				buckets[n-1].count++
			} else {
				buckets = append(buckets, bucket{bucketOf(s), 1})
			}
		}
		got := percentiles(buckets)
		if got.Count != uint64(len(times)) {
			t.Fatalf("%d times, want %d", got.Count, len(times))
		}
		for p, seconds := range map[int]uint32{50: got.P50, 90: got.P90, 99: got.P99} {
			exact := times[(len(times)*p+99)/100-1]
			if seconds != lastOf(bucketOf(exact)) {
				t.Fatalf("%d %%: %d s, want the bucket of %d s", p, seconds, exact)
			}
		}
	})
	if got := percentiles(nil); got != (Times{}) {
		t.Errorf("percentiles of nothing: %+v", got)
	}
}
