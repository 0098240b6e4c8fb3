package pow

import (
	"fmt"

	"stele/kernels/sha256d"
)

// MerkleWork is the hashing of many blocks at once: the double SHA-256 of messages, such
// as transactions, and Merkle trees over the hashes. [MerkleWork.Compute] does it in Go;
// devices do the same.
type MerkleWork struct {
	Data     []byte          // has the bytes of all messages
	Messages []MerkleMessage // whose hashes are wanted
	Hashes   []Hash          // those that no message sets are input
	Trees    []MerkleTree    // over Hashes
	Roots    []Hash          // set: one for each tree
	Mutated  []bool          // set: one for each tree, see [MerkleRoot]
}

// MerkleMessage consists of three pieces of the data, one after the other. They may
// overlap or be empty.
type MerkleMessage struct {
	At, Size [3]uint32 // of the pieces, in bytes
	Hash     uint32    // index of its hash
	Copy     uint32    // index of a second place for it, or the same
}

// MerkleTree is a tree whose leaves are Count hashes from First on.
type MerkleTree struct{ First, Count uint32 }

// Length returns the length of the message in bytes.
func (m *MerkleMessage) Length() uint64 {
	return uint64(m.Size[0]) + uint64(m.Size[1]) + uint64(m.Size[2])
}

// Check returns an error if a message or tree is outside the data or the hashes, or if a
// tree has no leaf. Compute panics on such work.
func (w *MerkleWork) Check() error {
	for i := range w.Messages {
		m := &w.Messages[i]
		for j, at := range m.At {
			if uint64(at)+uint64(m.Size[j]) > uint64(len(w.Data)) {
				return fmt.Errorf("message %d: piece %d ends at byte %d of %d", i, j, uint64(at)+uint64(m.Size[j]), len(w.Data))
			}
		}
		if n := max(m.Hash, m.Copy); int64(n) >= int64(len(w.Hashes)) {
			return fmt.Errorf("message %d: its hash has index %d of %d", i, n, len(w.Hashes))
		}
	}
	for i, t := range w.Trees {
		if t.Count == 0 || uint64(t.First)+uint64(t.Count) > uint64(len(w.Hashes)) {
			return fmt.Errorf("tree %d: %d leaves from %d on, of %d hashes", i, t.Count, t.First, len(w.Hashes))
		}
	}
	if len(w.Roots) != len(w.Trees) || len(w.Mutated) != len(w.Trees) {
		return fmt.Errorf("%d roots and %d answers about mutation for %d trees", len(w.Roots), len(w.Mutated), len(w.Trees))
	}
	return nil
}

// Compute does the work.
func (w *MerkleWork) Compute() {
	w.Hash(w.Messages)
	for i, t := range w.Trees {
		w.Roots[i], w.Mutated[i] = MerkleRoot(w.Hashes[t.First:][:t.Count])
	}
}

// Hash sets the hashes of some messages.
func (w *MerkleWork) Hash(some []MerkleMessage) {
	const together = 1024 // so that the lists stay in the cache
	messages, hashes := make([]sha256d.Message, min(len(some), together)), make([]Hash, min(len(some), together))
	for len(some) > 0 {
		n := min(len(some), together)
		for i := range n {
			messages[i] = w.bytes(&some[i])
		}
		sha256d.Sum(hashes[:n], messages[:n])
		for i := range n {
			w.Hashes[some[i].Hash], w.Hashes[some[i].Copy] = hashes[i], hashes[i]
		}
		some = some[n:]
	}
}

// Sum returns the hash of a message, computed by itself.
func (w *MerkleWork) Sum(m *MerkleMessage) Hash {
	text := make([]byte, 0, m.Length())
	for _, piece := range w.bytes(m) {
		text = append(text, piece...)
	}
	return Sum(text)
}

// bytes returns the pieces of a message.
func (w *MerkleWork) bytes(m *MerkleMessage) (pieces sha256d.Message) {
	for i, at := range m.At {
		pieces[i] = w.Data[at:][:m.Size[i]]
	}
	return pieces
}
