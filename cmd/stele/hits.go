package main

import (
	"container/heap"
	"slices"
)

// firstHits keeps the nonces that come first in the range, at most most of
// them, however they come in. It holds them as distances from first.
type firstHits struct {
	first uint32
	most  int
	total uint64 // of all nonces, also those not kept
	far   offsets
}

// offsets is a heap with the greatest on top.
type offsets []uint32

func (o offsets) Len() int           { return len(o) }
func (o offsets) Less(i, j int) bool { return o[i] > o[j] }
func (o offsets) Swap(i, j int)      { o[i], o[j] = o[j], o[i] }
func (o *offsets) Push(x any)        { *o = append(*o, x.(uint32)) }
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
	case len(f.far) < f.most:
		heap.Push(&f.far, off)
	case f.most > 0 && off < f.far[0]:
		f.far[0] = off
		heap.Fix(&f.far, 0)
	}
}

// sorted returns the nonces kept, in the order of the range.
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
