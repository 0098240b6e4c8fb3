package pow_test

import (
	"slices"
	"testing"

	"stele/engine/pow"
)

func TestMedianTime(t *testing.T) {
	for _, c := range []struct {
		times []uint32
		want  uint32
	}{
		{nil, 0},
		{[]uint32{7}, 7},
		{[]uint32{1, 9}, 9}, // upper of two, as Bitcoin Core
		{[]uint32{9, 1}, 9},
		{[]uint32{3, 1, 2}, 2},
		{[]uint32{4, 1, 3, 2}, 3},
		{[]uint32{11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 6},
		{[]uint32{0, 0, 0, 0, 0, 0, 1 << 31, 1 << 31, 1<<32 - 1, 1<<32 - 1, 1<<32 - 1}, 0},
		{[]uint32{0, 0, 0, 0, 0, 1 << 31, 1 << 31, 1 << 31, 1<<32 - 1, 1<<32 - 1, 1<<32 - 1}, 1 << 31},
		{[]uint32{1000, 1000, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 6}, // the last 11 only
	} {
		before := slices.Clone(c.times)
		if got := pow.MedianTime(c.times); got != c.want {
			t.Errorf("MedianTime(%v) = %d, want %d", c.times, got, c.want)
		}
		if !slices.Equal(before, c.times) {
			t.Errorf("MedianTime changed %v to %v", before, c.times)
		}
	}
}
