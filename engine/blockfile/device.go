package blockfile

import (
	"fmt"
	"slices"

	"stele/engine/pow"
)

// A Device does the work as [pow.MerkleWork.Compute] does, or returns an error.
type Device func(*pow.MerkleWork) error

// deviceHasher is the memory of a [Hasher] for a device.
type deviceHasher struct {
	work   pow.MerkleWork
	firsts []int // index in work.Hashes of the first id of each block; -1: not parsed
}

// HashOn is [Hasher.Hash] with a device, which also computes the Merkle roots. A block
// whose header and coinbase have the device's roots is proved by them: its CheckMerkle
// and CheckWitness compute nothing. Other blocks are hashed again without the device, so
// that a wrong device changes no verdict.
//
// The error is that of the device, or says that it gave a wrong answer. All blocks are
// hashed nevertheless.
func (h *Hasher) HashOn(device Device, b *Batch) error {
	d := &h.device
	d.fill(b)
	if err := device(&d.work); err != nil {
		h.Hash(b)
		return err
	}
	return h.hashUnproved(b, d.read(h, b))
}

// fill makes the work for a batch.
func (d *deviceHasher) fill(b *Batch) {
	w := &d.work
	w.Data, w.Messages, w.Trees = nil, w.Messages[:0], w.Trees[:0]
	d.firsts = d.firsts[:0]
	hashes := 0
	for i := range b.blocks {
		block := &b.blocks[i]
		if block.fault != nil {
			d.firsts = append(d.firsts, -1)
			continue
		}
		start := uint32(b.starts[i])
		w.Data = b.memory[:int(start)+len(block.raw)]
		d.firsts = append(d.firsts, hashes)
		hashes += d.add(block, start, uint32(hashes))
	}
	w.Hashes = slices.Grow(w.Hashes[:0], hashes)[:hashes]
	clear(w.Hashes) // the coinbase cannot commit to itself: its hash among those with witnesses is zero
	w.Roots = slices.Grow(w.Roots[:0], len(w.Trees))[:len(w.Trees)]
	w.Mutated = slices.Grow(w.Mutated[:0], len(w.Trees))[:len(w.Trees)]
}

// add adds a block whose ids are to begin at index first, and with witnesses the ids
// that cover them after these. It returns how many hashes they take.
func (d *deviceHasher) add(b *Block, start, first uint32) (hashes int) {
	w, n := &d.work, uint32(len(b.spans))
	w.Trees = append(w.Trees, pow.MerkleTree{First: first, Count: n})
	if b.witnesses > 0 {
		w.Trees = append(w.Trees, pow.MerkleTree{First: first + n, Count: n})
	}
	for i, s := range b.spans {
		id := first + uint32(i)
		m := pow.MerkleMessage{Hash: id, Copy: id}
		m.At[0], m.Size[0] = start+s.start, s.end-s.start
		if !s.hasWitness() {
			if b.witnesses > 0 && i > 0 {
				m.Copy = id + n
			}
			w.Messages = append(w.Messages, m)
			continue
		}
		if i > 0 {
			whole := m
			whole.Hash, whole.Copy = id+n, id+n
			w.Messages = append(w.Messages, whole)
		}
		// The id does not cover marker, flag and witnesses.
		m.At = [3]uint32{start + s.start, start + s.body, start + s.end - 4}
		m.Size = [3]uint32{4, s.bodyEnd - s.body, 4}
		w.Messages = append(w.Messages, m)
	}
	if b.witnesses > 0 {
		return int(2 * n)
	}
	return int(n)
}

// claim is what a device says about a block.
type claim struct {
	ids     []pow.Hash
	root    pow.Hash
	mutated bool
	witness pow.Hash // root of the transactions with their witnesses; zero if there are none
}

// read gives the blocks that the answers of the device prove their ids, and returns the
// claims about the others by their index.
func (d *deviceHasher) read(h *Hasher, b *Batch) (unproved map[int]claim) {
	tree := 0
	next := func() int { tree++; return tree - 1 }
	for i := range b.blocks {
		block, first := &b.blocks[i], d.firsts[i]
		if first < 0 {
			continue
		}
		n := len(block.spans)
		t := next()
		c := claim{ids: d.work.Hashes[first:][:n:n], root: d.work.Roots[t], mutated: d.work.Mutated[t]}
		block.hasher, block.TxIDs = h, c.ids
		if block.witnesses > 0 {
			block.wtxids, c.witness = d.work.Hashes[first+n:][:n:n], d.work.Roots[next()]
		}
		if block.proved = block.isProved(&c); !block.proved {
			if unproved == nil {
				unproved = map[int]claim{}
			}
			unproved[i] = c
		}
	}
	return unproved
}

// isProved reports whether header and coinbase have the roots of a claim: then it is
// right.
func (b *Block) isProved(c *claim) bool {
	return c.root == b.Header.MerkleRoot && !c.mutated && !mayBeMutated(c.ids) &&
		(b.witnesses == 0 || b.checkCommitment(c.witness) == nil)
}

// mayBeMutated reports whether the first leaves of two nodes are equal that are a pair on
// some level. Otherwise no two nodes of a pair are equal, whatever a device says.
func mayBeMutated(ids []pow.Hash) bool {
	for width := 1; width < len(ids); width *= 2 {
		for i := 0; i+width < len(ids); i += 2 * width {
			if ids[i] == ids[i+width] {
				return true
			}
		}
	}
	return false
}

// hashUnproved hashes blocks again without the device. The error says that a claim was
// wrong.
func (h *Hasher) hashUnproved(b *Batch, claims map[int]claim) (wrong error) {
	n := 0
	for i := range claims {
		n += len(b.blocks[i].spans)
	}
	h.start(n)
	for i := range claims {
		h.add(&b.blocks[i])
	}
	h.sum()
	for i, c := range claims {
		block := &b.blocks[i]
		block.completeWtxids()
		root, mutated := pow.MerkleRoot(block.TxIDs)
		isRight := root == c.root && mutated == c.mutated && slices.Equal(block.TxIDs, c.ids)
		if block.witnesses > 0 {
			witness := block.witnessRoot()
			isRight = isRight && witness == c.witness
		}
		if !isRight {
			wrong = fmt.Errorf("wrong hashes of block %v: Merkle root %v, computed again %v", block.Header.Hash(), c.root, root)
		}
	}
	return wrong
}
