package scan

import (
	"container/heap"
	"slices"
)

// firstHits keeps the nonces that are first in the range, in whatever order they are
// found. It holds them as distances from the first nonce of the range.
type firstHits struct {
	first uint32
	limit int    // how many are kept
	total uint64 // how many were found
	far   offsets
}

// offsets is a heap with the greatest value on top.
type offsets []uint32

func (o offsets) Len() int { return len(o) }

func (o offsets) Less(i, j int) bool { return o[i] > o[j] }

func (o offsets) Swap(i, j int) { o[i], o[j] = o[j], o[i] }

func (o *offsets) Push(x any) { *o = append(*o, x.(uint32)) }

func (o *offsets) Pop() any {
	last := len(*o) - 1
	x := (*o)[last]
	*o = (*o)[:last]
	return x
}

func (f *firstHits) add(nonce uint32) {
	f.total++
	off := nonce - f.first
	switch {
	case len(f.far) < f.limit:
		heap.Push(&f.far, off)
	case f.limit > 0 && off < f.far[0]:
		f.far[0] = off
		heap.Fix(&f.far, 0)
	}
}

// sorted returns the kept nonces in the order of the range.
func (f *firstHits) sorted() []uint32 {
	nonces := slices.Clone([]uint32(f.far))
	slices.Sort(nonces)
	for i := range nonces {
		nonces[i] += f.first
	}
	if nonces == nil {
		nonces = []uint32{}
	}
	return nonces
}
