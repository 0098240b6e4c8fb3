package pool

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A heap gives what a sorted list gives, whatever is moved or removed meanwhile.
func TestHeap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type thing struct{ place int }
		ranks := map[*thing]rank{}
		var all []*thing
		h := heap[*thing]{moved: func(x *thing, place int) { x.place = place }}
		random := func() rank {
			return rank{rapid.Uint64Range(0, 9).Draw(t, "key"), uint64(len(ranks))}
		}
		pick := func() *thing {
			if len(all) == 0 {
				t.Skip("empty")
			}
			return all[rapid.IntRange(0, len(all)-1).Draw(t, "which")]
		}
		drop := func(x *thing) {
			all = slices.DeleteFunc(all, func(y *thing) bool { return x == y })
		}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(*rapid.T) {
				x := &thing{}
				ranks[x] = random()
				all = append(all, x)
				h.push(ranks[x], x)
			},
			"rerank": func(*rapid.T) {
				x := pick()
				ranks[x] = rank{random().key, ranks[x].tie}
				h.rerank(x.place, ranks[x])
			},
			"remove": func(*rapid.T) {
				x := pick()
				drop(x)
				h.remove(x.place)
			},
			"pop": func(*rapid.T) {
				pick()
				x := h.pop()
				for _, y := range all {
					if ranks[y].before(ranks[x]) {
						t.Fatal("not the first")
					}
				}
				drop(x)
			},
			"": func(t *rapid.T) {
				if len(h.items) != len(all) {
					t.Fatalf("%d items, want %d", len(h.items), len(all))
				}
				for _, x := range all {
					if got := h.items[x.place]; got.item != x || got.rank != ranks[x] {
						t.Fatal("an item is not at its place")
					}
				}
			},
		})
	})
}
