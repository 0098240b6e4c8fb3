package rules

import (
	"bytes"
	"hash/maphash"
)

// index finds the entries of a State by key. It is a hash table with open
// addressing, at most half full; its length is a power of two, or 0. A block makes
// tens of thousands of look-ups, and a map of Go allocates for each new key.
type index []place

// place is where the index keeps an entry. A free one is zero.
type place struct {
	hash   uint32
	number uint32 // of the entry, plus 1
}

const minIndex = 16

// indexSize returns the length of an index with room for n entries.
func indexSize(n int) int {
	size := minIndex
	for size < 2*n {
		size *= 2
	}
	return size
}

// seed prevents an attacker from choosing keys that collide.
var seed = maphash.MakeSeed()

func hashOf(key []byte) uint32 { return uint32(maphash.Bytes(seed, key)) }

// find returns the place of the key, or the free one that it can take.
func (x index) find(key []byte, hash uint32, entries []entry) *place {
	for i := int(hash); ; i++ {
		p := &x[i&(len(x)-1)]
		if p.number == 0 || p.hash == hash && bytes.Equal(entries[p.number-1].key, key) {
			return p
		}
	}
}

// grown returns an index of twice the size.
func (x index) grown() index {
	larger := make(index, indexSize(len(x)))
	for _, p := range x {
		if p.number == 0 {
			continue
		}
		i := int(p.hash)
		for larger[i&(len(larger)-1)].number != 0 {
			i++
		}
		larger[i&(len(larger)-1)] = p
	}
	return larger
}

// arena keeps copies of many small slices together, in blocks that grow.
type arena struct{ free []byte }

// The sizes of the blocks of an arena, in bytes.
const (
	firstBlock = 256
	maxBlock   = 64 << 10
)

// keep returns a copy of b. It is nil if b is.
func (a *arena) keep(b []byte) []byte {
	if b == nil {
		return nil
	}
	if a.free == nil || len(b) > cap(a.free)-len(a.free) {
		size := min(max(2*cap(a.free), firstBlock), maxBlock)
		a.free = make([]byte, 0, max(size, len(b)))
	}
	start := len(a.free)
	a.free = append(a.free, b...)
	return a.free[start:len(a.free):len(a.free)]
}
