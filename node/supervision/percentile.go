package supervision

import "math/bits"

// Times are times of one kind: how many there are, and percentiles in seconds of median
// time. A percentile is the last second of its bucket: at least the time below or at
// which the part lies, and less than 1/32 above it. Below 64 s it is exact.
type Times struct {
	Count         uint64
	P50, P90, P99 uint32 // 0 if there are none
	Longest       uint32 // exact; of all times, whatever the span
}

// finest is how many buckets there are for each doubling of a time.
const finest = 32

// bucketOf returns the number of the bucket of a time: one for each second below 64, and
// then 32 for each doubling. It is at most 895.
func bucketOf(seconds uint32) uint16 {
	if seconds < finest {
		return uint16(seconds)
	}
	shift := bits.Len32(seconds) - 6
	return uint16(finest*(shift+1)) + uint16(seconds>>shift) - finest
}

// lastOf returns the last second of a bucket.
func lastOf(bucket uint16) uint32 {
	if bucket < 2*finest {
		return uint32(bucket)
	}
	shift := bucket/finest - 1
	return uint32((uint64(bucket%finest+finest)+1)<<shift - 1)
}

// bucket is how many times are in a bucket.
type bucket struct {
	number uint16
	count  uint64
}

// percentiles returns the times that are counted in buckets, which ascend.
func percentiles(buckets []bucket) (t Times) {
	for _, b := range buckets {
		t.Count += b.count
	}
	for _, p := range []struct {
		of uint64
		to *uint32
	}{{50, &t.P50}, {90, &t.P90}, {99, &t.P99}} {
		rank, seen := (t.Count*p.of+99)/100, uint64(0) // the first time with at least that many at or below it
		for _, b := range buckets {
			if seen += b.count; b.count > 0 && seen >= rank {
				*p.to = lastOf(b.number)
				break
			}
		}
	}
	return t
}
