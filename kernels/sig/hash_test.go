package sig

import (
	"crypto/sha512"
	"slices"
	"testing"
)

// Hashes of messages of all lengths of up to four blocks, in every lane and beside
// longer and shorter ones, are those of the standard library.
func TestHashItems(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		s := signer{newSplitMix(50)}
		h := aligned[hashGroup]()
		var items []Item
		for n := range 450 {
			items = append(items, Item{Key: (*[32]byte)(s.bytes(32)), Sig: (*[64]byte)(s.bytes(64)), Message: s.bytes(n)})
		}
		check := func(group []Item) {
			t.Helper()
			at := make([]int, len(group)) // the items in another order
			all := slices.Clone(group)
			slices.Reverse(all)
			for i := range at {
				at[i] = len(group) - 1 - i
			}
			e.hashItems(h, all, at)
			for i, item := range group {
				hash := sha512.New()
				hash.Write(item.Sig[:32])
				hash.Write(item.Key[:])
				hash.Write(item.Message)
				if h.digest(i) != wordsOf8(hash.Sum(nil)) {
					t.Fatalf("lane %d of %d, message of %d bytes", i, len(group), len(item.Message))
				}
			}
		}
		check(nil)
		for from := range items {
			var group []Item
			for i := range 1 + from%lanes {
				group = append(group, items[(from+i*61)%len(items)])
			}
			check(group)
		}
	})
}

// A block changes the live lanes only, and is left as it is.
func TestHashLanes(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		rng := newSplitMix(51)
		s := signer{rng}
		for range 100 {
			h, want := aligned[hashGroup](), aligned[hashGroup]()
			for i := range h.state {
				for lane := range lanes {
					h.state[i][lane] = rng.next()
				}
			}
			for lane := range lanes {
				h.blocks[lane] = [blockSize]byte(s.bytes(blockSize))
			}
			*want = *h
			live := uint8(rng.next())
			sha512Model(want, live)
			e.sha512Block(h, live)
			if h.state != want.state || h.blocks != want.blocks {
				t.Fatalf("live lanes %08b: other hashes", live)
			}
		}
	})
}

func BenchmarkHash(b *testing.B) {
	needKernel(b)
	h := aligned[hashGroup]()
	for b.Loop() {
		assembly.sha512Block(h, 0xff)
	}
}
