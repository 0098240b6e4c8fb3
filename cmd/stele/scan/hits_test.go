package scan

import (
	"slices"
	"testing"
)

func TestFirstHits(t *testing.T) {
	const first = 1<<32 - 3 // the ring goes round
	nonces := []uint32{4, first + 1, 0, first, 9, first + 2, 1}
	inRange := []uint32{first, first + 1, first + 2, 0, 1, 4, 9}
	for limit := range 9 {
		f := firstHits{first: first, limit: limit}
		for _, n := range nonces {
			f.add(n)
		}
		want := inRange[:min(limit, len(inRange))]
		if got := f.sorted(); !slices.Equal(got, want) || got == nil || f.total != 7 {
			t.Errorf("at most %d: got %v of %d, want %v", limit, got, f.total, want)
		}
	}
}
