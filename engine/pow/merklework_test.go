package pow

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Whatever the pieces and trees are, the hashes and roots are those of the functions
// for one message and one tree, and other hashes stay as they are.
func TestMerkleWork(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := MerkleWork{Data: rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "data")}
		n := rapid.IntRange(1, 40).Draw(t, "hashes")
		for i := range n {
			w.Hashes = append(w.Hashes, Hash{byte(i % 3)}) // some are equal
		}
		want := slices.Clone(w.Hashes)
		for i := range rapid.IntRange(0, n/2).Draw(t, "messages") {
			m := MerkleMessage{Hash: uint32(i), Copy: uint32(rapid.SampledFrom([]int{i, n - 1 - i}).Draw(t, "copy"))}
			var text []byte
			for j := range m.At {
				at := rapid.IntRange(0, len(w.Data)).Draw(t, "at")
				size := rapid.IntRange(0, len(w.Data)-at).Draw(t, "size")
				m.At[j], m.Size[j] = uint32(at), uint32(size)
				text = append(text, w.Data[at:at+size]...)
			}
			if m.Length() != uint64(len(text)) {
				t.Fatalf("length %d, want %d", m.Length(), len(text))
			}
			w.Messages = append(w.Messages, m)
			want[m.Hash], want[m.Copy] = Sum(text), Sum(text)
		}
		for range rapid.IntRange(0, 5).Draw(t, "trees") {
			first := rapid.IntRange(0, n-1).Draw(t, "first")
			w.Trees = append(w.Trees, MerkleTree{uint32(first), uint32(rapid.IntRange(1, n-first).Draw(t, "count"))})
		}
		w.Roots, w.Mutated = make([]Hash, len(w.Trees)), make([]bool, len(w.Trees))
		if err := w.Check(); err != nil {
			t.Fatal(err)
		}
		w.Compute()
		if !slices.Equal(w.Hashes, want) {
			t.Fatalf("hashes %v, want %v", w.Hashes, want)
		}
		for i, tree := range w.Trees {
			root, mutated := MerkleRoot(want[tree.First:][:tree.Count])
			if w.Roots[i] != root || w.Mutated[i] != mutated {
				t.Fatalf("tree %d: root %v, mutated %v; want %v, %v", i, w.Roots[i], w.Mutated[i], root, mutated)
			}
		}
	})
}

func TestMerkleWorkCheck(t *testing.T) {
	work := func() *MerkleWork {
		return &MerkleWork{
			Data: make([]byte, 10), Messages: []MerkleMessage{{At: [3]uint32{10, 3}, Size: [3]uint32{0, 7}, Hash: 1}},
			Hashes: make([]Hash, 2), Trees: []MerkleTree{{1, 1}}, Roots: make([]Hash, 1), Mutated: make([]bool, 1),
		}
	}
	if err := work().Check(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*MerkleWork){
		"piece":           func(w *MerkleWork) { w.Messages[0].Size[0] = 1 },
		"piece wraps":     func(w *MerkleWork) { w.Messages[0].At[2], w.Messages[0].Size[2] = 1<<32-1, 1 },
		"hash":            func(w *MerkleWork) { w.Messages[0].Hash = 2 },
		"copy":            func(w *MerkleWork) { w.Messages[0].Copy = 2 },
		"no leaf":         func(w *MerkleWork) { w.Trees[0] = MerkleTree{0, 0} },
		"too many leaves": func(w *MerkleWork) { w.Trees[0].Count = 2 },
		"no root":         func(w *MerkleWork) { w.Roots = nil },
		"no answer":       func(w *MerkleWork) { w.Mutated = nil },
	} {
		w := work()
		spoil(w)
		if w.Check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
