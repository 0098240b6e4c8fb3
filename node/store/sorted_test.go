package store

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

// Every index occurs once, in the order of the first bytes of the ids, also of ids that
// were chosen to have the same ones.
func TestSorted(t *testing.T) {
	prefix := rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 3), rapid.Uint64Range(1<<40, 1<<40+1<<20))
	rapid.Check(t, func(t *rapid.T) {
		ids := make([]pow.Hash, rapid.IntRange(0, 100).Draw(t, "ids"))
		for i := range ids {
			binary.BigEndian.PutUint64(ids[i][:], prefix.Draw(t, "prefix"))
		}
		order := sorted(ids)
		for i, index := range order {
			if i > 0 && slices.Compare(ids[order[i-1]][:], ids[index][:]) > 0 {
				t.Fatalf("%d comes before %d", order[i-1], index)
			}
		}
		slices.Sort(order)
		for i, index := range order {
			if int(index) != i {
				t.Fatalf("the indices are not 0 to %d", len(ids)-1)
			}
		}
		if len(order) != len(ids) {
			t.Fatalf("%d indices of %d ids", len(order), len(ids))
		}
	})
}

// The ids of a block of 4,000 records, and as many that were chosen to be in one group.
func BenchmarkSorted(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	random, chosen := make([]pow.Hash, 4000), make([]pow.Hash, 4000)
	for i := range random {
		binary.BigEndian.PutUint64(random[i][:], rng.Uint64())
		binary.BigEndian.PutUint64(chosen[i][:], rng.Uint64()>>13)
	}
	for name, ids := range map[string][]pow.Hash{"random": random, "chosen": chosen} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				sorted(ids)
			}
		})
	}
}
