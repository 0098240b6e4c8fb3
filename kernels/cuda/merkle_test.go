package cuda_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/kernels/cuda"
)

// where the parameters of hash and merkle have their addresses
const (
	hashData, hashMessages, hashHashes           = 32, 40, 48
	merkleHashes, merkleTrees                    = 32, 40
	merkleNodes, merkleRoots, merkleMutated      = 48, 56, 64
	untouched                               byte = 0xa5 // fills the memory for results
)

// wholeWords pads data to whole words.
func wholeWords(data []byte) []byte {
	return append(slices.Clone(data), make([]byte, -len(data)&3)...)
}

// hashOf is the reference of entry hash.
func hashOf(data []byte, m *cuda.Message) pow.Hash {
	var text []byte
	for i, at := range m.At {
		text = append(text, data[at:at+m.Size[i]]...)
	}
	return pow.Sum(text)
}

// checkHash runs a hash entry, and compares the place for n hashes with the reference.
func checkHash(m machine, e cuda.Entry, data []byte, messages []cuda.Message, n int, s shape) error {
	got := bytes.Repeat([]byte{untouched}, 32*n)
	want := slices.Clone(got)
	var list []byte
	for i := range messages {
		msg := &messages[i]
		list = msg.Append(list)
		h := hashOf(data, msg)
		copy(want[32*msg.Hash:], h[:])
		copy(want[32*msg.Copy:], h[:])
	}
	err := m.Launch(e.Name, s.grid, s.threads, cuda.HashParams(0, 0, 0, len(messages)),
		buffer(hashData, wholeWords(data)), buffer(hashMessages, list), buffer(hashHashes, got))
	for i := 0; err == nil && i < n; i++ {
		if a, b := got[32*i:][:32], want[32*i:][:32]; !bytes.Equal(a, b) {
			err = fmt.Errorf("%d messages, %v: hash %d is %x, want %x", len(messages), s, i, a, b)
		}
	}
	return err
}

// apart gives each message a place of its own, and one in two a second one.
func apart(messages []cuda.Message) (hashes int) {
	for i := range messages {
		messages[i].Hash, messages[i].Copy = uint32(2*i), uint32(2*i+i%2)
	}
	return 2 * len(messages)
}

// Messages of every length, which begin at every byte of a word, and end where the data
// end.
func TestHashLengths(t *testing.T) {
	everywhere(t, cuda.Hash, func(t *testing.T, m machine, e cuda.Entry, slow bool) {
		longest := 300
		if slow {
			longest = 130
		}
		data := make([]byte, longest)
		randomBytes(newRand(1), data)
		for end := range 4 { // of the data in their last word
			data := data[:longest-end]
			var messages []cuda.Message
			for size := range len(data) + 1 {
				if slow && size%4 != end {
					continue
				}
				messages = append(messages, cuda.Message{At: [3]uint32{uint32(len(data) - size)}, Size: [3]uint32{uint32(size)}})
			}
			if err := checkHash(m, e, data, messages, apart(messages), shape{2, 33, 1}); err != nil {
				t.Error(err)
			}
		}
	})
}

// Pieces of every small length, empty ones too, at every byte of a word.
func TestHashPieces(t *testing.T) {
	everywhere(t, cuda.Hash, func(t *testing.T, m machine, e cuda.Entry, slow bool) {
		data := make([]byte, 160)
		randomBytes(newRand(2), data)
		var messages []cuda.Message
		for at := range uint32(4) {
			for a := range uint32(6) {
				for _, b := range []uint32{0, 1, 2, 3, 50, 55, 59, 60, 64, 119} {
					for _, c := range []uint32{0, 1, 4, 7} {
						if slow && (a+b+c+at)%7 != 0 {
							continue
						}
						messages = append(messages, cuda.Message{At: [3]uint32{150 - at, 8 + at, 140 + at}, Size: [3]uint32{a, b, c}})
					}
				}
			}
		}
		if err := checkHash(m, e, data, messages, apart(messages), shape{3, 128, 1}); err != nil {
			t.Error(err)
		}
	})
}

// The first transaction of all has the id that the genesis block commits to.
func TestHashRealTransaction(t *testing.T) {
	tx, err := hex.DecodeString("01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000")
	if err != nil {
		t.Fatal(err)
	}
	everywhere(t, cuda.Hash, func(t *testing.T, m machine, e cuda.Entry, _ bool) {
		n := uint32(len(tx))
		list := (&cuda.Message{At: [3]uint32{0, 4, n - 4}, Size: [3]uint32{4, n - 8, 4}}).Append(nil)
		var got pow.Hash
		if err := m.Launch(e.Name, 1, 1, cuda.HashParams(0, 0, 0, 1), buffer(hashData, tx), buffer(hashMessages, list), buffer(hashHashes, got[:])); err != nil {
			t.Fatal(err)
		}
		if want := parse(blocks[0]).MerkleRoot; got != want {
			t.Errorf("id %v, want %v", got, want)
		}
	})
}

// Any messages, in launches that do not fit them.
func TestHashAny(t *testing.T) {
	onHost(t, cuda.Hash, func(t *testing.T, m machine, e cuda.Entry) {
		rapid.Check(t, func(t *rapid.T) {
			data := rapid.SliceOfN(rapid.Byte(), 1, 1000).Draw(t, "data")
			messages := make([]cuda.Message, rapid.IntRange(0, 40).Draw(t, "messages"))
			for i := range messages {
				for j := range messages[i].At {
					at := rapid.IntRange(0, len(data)).Draw(t, "at")
					messages[i].At[j], messages[i].Size[j] = uint32(at), uint32(rapid.IntRange(0, len(data)-at).Draw(t, "size"))
				}
			}
			s := shape{rapid.IntRange(1, 3).Draw(t, "grid"), rapid.IntRange(1, 128).Draw(t, "threads"), 1}
			if err := checkHash(m, e, data, messages, apart(messages), s); err != nil {
				t.Fatal(err)
			}
		})
	})
}

// randomTree returns leaves, of which some repeat what is before them, so that nodes of
// a pair are equal on some level.
func randomTree(r *rand.Rand, count int) []pow.Hash {
	leaves := make([]pow.Hash, count)
	for i := range leaves {
		randomBytes(r, leaves[i][:])
	}
	if width := 1 << r.IntN(4); r.IntN(2) == 0 && 2*width <= count {
		at := r.IntN(count/(2*width)) * 2 * width
		copy(leaves[at+width:at+2*width], leaves[at:at+width])
	}
	return leaves
}

// checkMerkle runs a merkle entry over trees of these sizes, and compares with the
// reference.
func checkMerkle(m machine, e cuda.Entry, r *rand.Rand, counts []int, s shape) error {
	var leaves, list []byte
	var want []pow.Hash
	mutated := make([]bool, len(counts))
	nodes := 0
	for i, n := range counts {
		ids := randomTree(r, n)
		list = (&cuda.Tree{First: uint32(len(leaves) / 32), Count: uint32(n), Nodes: uint32(nodes)}).Append(list)
		nodes += cuda.TreeNodes(n)
		for _, id := range ids {
			leaves = append(leaves, id[:]...)
		}
		root, twice := pow.MerkleRoot(ids)
		want, mutated[i] = append(want, root), twice
	}
	roots, bits := bytes.Repeat([]byte{untouched}, 32*len(counts)), make([]byte, (len(counts)+31)/32*4)
	err := m.Launch(e.Name, s.grid, s.threads, cuda.MerkleParams(0, 0, 0, 0, 0, len(counts)), buffer(merkleHashes, leaves),
		buffer(merkleTrees, list), buffer(merkleNodes, make([]byte, 32*nodes)), buffer(merkleRoots, roots), buffer(merkleMutated, bits))
	if err != nil {
		return err
	}
	for i, n := range counts {
		if got := pow.Hash(roots[32*i:]); got != want[i] {
			return fmt.Errorf("tree %d of %d leaves, %v: root %v, want %v", i, n, s, got, want[i])
		}
		if got := binary.LittleEndian.Uint32(bits[i/32*4:])>>(i%32)&1 == 1; got != mutated[i] {
			return fmt.Errorf("tree %d of %d leaves, %v: mutated %v, want %v", i, n, s, got, mutated[i])
		}
	}
	return nil
}

// Trees of every size, many in a launch.
func TestMerkle(t *testing.T) {
	everywhere(t, cuda.Merkle, func(t *testing.T, m machine, e cuda.Entry, slow bool) {
		counts := []int{}
		for n := 1; n < 70; n++ {
			if !slow || n < 10 || n == 33 {
				counts = append(counts, n)
			}
		}
		if !slow {
			counts = append(counts, 127, 128, 129, 255, 256, 257, 1000)
		}
		shapes := []shape{{1, 128, 1}, {3, 7, 1}, {len(counts), 1, 1}}
		if slow {
			shapes = shapes[:2]
		}
		for i, s := range shapes {
			if err := checkMerkle(m, e, newRand(uint64(i)), counts, s); err != nil {
				t.Error(err)
			}
		}
	})
}

// The threads of a block wait for one another: in whatever order they run, the roots are
// right.
func TestMerkleReverse(t *testing.T) {
	for _, e := range entries(t, cuda.Merkle) {
		m, err := newInterpreter(e.PTX)
		if err != nil {
			t.Fatal(err)
		}
		m.reverse = true
		if err := checkMerkle(m, e, newRand(9), []int{9, 1, 14}, shape{2, 5, 1}); err != nil {
			t.Error(err)
		}
	}
}

func TestTreeNodes(t *testing.T) {
	for count, want := range map[int]int{0: 0, 1: 0, 2: 1, 3: 3, 4: 3, 5: 6, 8: 7, 9: 11} {
		if got := cuda.TreeNodes(count); got != want {
			t.Errorf("%d leaves: %d nodes, want %d", count, got, want)
		}
	}
}
