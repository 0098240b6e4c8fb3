package rules

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// The index against Go's map, with hashes that collide often.
func TestIndexFindsWhatWasPut(t *testing.T) {
	for _, bits := range []int{0, 3, 8, 32} {
		t.Run(fmt.Sprint(bits, " bits of hash"), func(t *testing.T) {
			hash := func(key []byte) uint32 { return hashOf(key) & uint32(1<<bits-1) }
			draw := rand.New(rand.NewPCG(1, uint64(bits)))
			var x index
			var entries []entry
			want := map[string]uint32{}
			for range 3000 {
				key := binary.LittleEndian.AppendUint16(nil, uint16(draw.IntN(1000)))
				if len(x) <= 2*len(entries) {
					x = x.grown()
				}
				p := x.find(key, hash(key), entries)
				if p.number != want[string(key)] {
					t.Fatalf("key %x is at %d, want %d", key, p.number, want[string(key)])
				}
				if p.number == 0 {
					entries = append(entries, entry{key: key})
					*p = place{hash(key), uint32(len(entries))}
					want[string(key)] = p.number
				}
			}
		})
	}
}

// What was kept stays as it was, and appending to it touches nothing else.
func TestArenaKeeps(t *testing.T) {
	var a arena
	var kept, want [][]byte
	draw := rand.New(rand.NewPCG(1, 2))
	for i := range 2000 {
		b := make([]byte, draw.IntN(100)*min(i, 1)) // the first is empty
		if i%500 == 499 {
			b = make([]byte, maxBlock+i)
		}
		for j := range b {
			b[j] = byte(draw.Uint32())
		}
		k := a.keep(b)
		kept, want = append(kept, k), append(want, slices.Clone(b))
		_ = append(k, 0xff)
		clear(b)
	}
	for i := range kept {
		if !slices.Equal(kept[i], want[i]) || kept[i] == nil {
			t.Fatalf("slice %d changed", i)
		}
	}
	if a.keep(nil) != nil {
		t.Error("nil, which deletes a key, became something")
	}
}
