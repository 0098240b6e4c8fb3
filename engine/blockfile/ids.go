package blockfile

import (
	"slices"

	"stele/engine/pow"
	"stele/kernels/sha256d"
)

// maxMessages bounds what is hashed together: so much that the lanes of a kernel are
// full of messages of about the same length, and so little that the list stays in the
// cache.
const maxMessages = 4096

// Hasher computes the ids of the transactions of many blocks together, which is
// faster than block by block. Its memory is reused. The zero value is ready to use.
// Not safe for concurrent use.
type Hasher struct {
	txids  []pow.Hash // of all blocks
	wtxids []pow.Hash // of the blocks with witnesses

	messages []sha256d.Message // not yet hashed
	targets  []*pow.Hash       // where their hashes belong
	hashes   []pow.Hash

	outputs outputSet // of one block
	device  deviceHasher
}

// Hash computes the ids of the transactions of all blocks of a batch that could be
// parsed. What the blocks have from h is valid until the next Hash.
func (h *Hasher) Hash(b *Batch) {
	n := 0
	for i := range b.blocks {
		n += len(b.blocks[i].spans)
	}
	h.start(n)
	for i := range b.blocks {
		if b.blocks[i].fault == nil {
			h.add(&b.blocks[i])
		}
	}
	h.sum()
	for i := range b.blocks {
		b.blocks[i].completeWtxids()
	}
}

// hasWitness reports whether marker and flag precede the inputs.
func (s span) hasWitness() bool { return s.body > s.start+4 }

// start makes room for the ids of n transactions.
func (h *Hasher) start(n int) {
	h.txids = slices.Grow(h.txids[:0], n)
	h.wtxids = slices.Grow(h.wtxids[:0], n)
}

// add adds the transactions of a block.
func (h *Hasher) add(b *Block) {
	b.hasher, b.proved = h, false
	from := len(h.txids)
	h.txids = h.txids[:from+len(b.spans)]
	b.TxIDs = h.txids[from:]
	if b.witnesses > 0 {
		from = len(h.wtxids)
		h.wtxids = h.wtxids[:from+len(b.spans)]
		b.wtxids = h.wtxids[from:]
	}
	for i, s := range b.spans {
		whole := b.raw[s.start:s.end]
		if !s.hasWitness() {
			h.later(&b.TxIDs[i], sha256d.Message{whole})
			continue
		}
		// The id does not cover marker, flag and witnesses.
		h.later(&b.TxIDs[i], sha256d.Message{whole[:4], b.raw[s.body:s.bodyEnd], whole[len(whole)-4:]})
		h.later(&b.wtxids[i], sha256d.Message{whole})
	}
}

// completeWtxids copies the ids that do not depend on witnesses.
func (b *Block) completeWtxids() {
	for i := range b.wtxids {
		if !b.spans[i].hasWitness() {
			b.wtxids[i] = b.TxIDs[i]
		}
	}
}

// later hashes a message together with others.
func (h *Hasher) later(target *pow.Hash, m sha256d.Message) {
	if len(h.messages) == maxMessages {
		h.sum()
	}
	h.messages = append(h.messages, m)
	h.targets = append(h.targets, target)
}

// sum hashes the messages so far.
func (h *Hasher) sum() {
	h.hashes = slices.Grow(h.hashes[:0], len(h.messages))[:len(h.messages)]
	sha256d.Sum(h.hashes, h.messages)
	for i, target := range h.targets {
		*target = h.hashes[i]
	}
	h.messages, h.targets = h.messages[:0], h.targets[:0]
}
