package blockfile

import (
	"bytes"

	"stele/engine/pow"
)

// commitmentPrefix begins the script of the coinbase output that commits to
// the witnesses: OP_RETURN, a push of 36 bytes, and four bytes of BIP 141.
// 32 bytes of commitment follow.
var commitmentPrefix = []byte{0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed}

// CheckWitness checks, if any transaction has a witness, that the coinbase
// commits to all witnesses (BIP 141, commitment structure). The Merkle root in
// the header does not cover them. A block without witnesses always passes; see
// [Block.LacksWitnesses].
// Errors are [*Error] of kind [ErrWitness].
func (b *Block) CheckWitness() error {
	if len(b.wtxids) == 0 || b.proved {
		return nil
	}
	return b.checkCommitment(b.witnessRoot())
}

// witnessRoot returns the Merkle root of the transactions with their witnesses.
func (b *Block) witnessRoot() pow.Hash {
	b.wtxids[0] = pow.Hash{} // the coinbase cannot commit to itself
	root, _ := pow.MerkleRoot(b.wtxids)
	return root
}

// checkCommitment checks that the coinbase commits to the root of the transactions with
// their witnesses.
func (b *Block) checkCommitment(root pow.Hash) error {
	commitment, reserved := b.coinbaseCommitment()
	if commitment == nil {
		return fault(ErrWitness, pow.HeaderSize, "transactions have witnesses, but no output of the coinbase commits to them")
	}
	if len(reserved) != 32 {
		return fault(ErrWitness, pow.HeaderSize, "the witness of the coinbase is not one item of 32 bytes")
	}
	want := pow.Sum(append(root[:], reserved...))
	if !bytes.Equal(commitment, want[:]) {
		return fault(ErrWitness, pow.HeaderSize, "the coinbase commits to the witnesses by %x, the %d transactions have %x", commitment, len(b.wtxids), want[:])
	}
	return nil
}

// HasWitnesses reports whether any transaction has a witness.
func (b *Block) HasWitnesses() bool { return len(b.wtxids) > 0 }

// LacksWitnesses reports whether the coinbase commits to witnesses and no
// transaction has one, not even the coinbase. Where segwit is active such a block
// is invalid; usually its witnesses were stripped.
func (b *Block) LacksWitnesses() bool {
	if b.HasWitnesses() {
		return false
	}
	commitment, _ := b.coinbaseCommitment()
	return commitment != nil
}

// coinbaseCommitment returns the 32 bytes of the last output of the first
// transaction that is a commitment, and the only item of its witness; each is nil
// if absent. Parse has read the block, so no read can fail.
func (b *Block) coinbaseCommitment() (commitment, reserved []byte) {
	c := &cursor{data: b.raw, at: int(b.spans[0].body)}
	inputs, _ := c.varint("")
	for range inputs {
		c.at += outputSize
		c.item()
		c.at += 4
	}
	outputs, _ := c.varint("")
	for range outputs {
		c.at += 8
		script := c.item()
		if len(script) >= 38 && bytes.HasPrefix(script, commitmentPrefix) {
			commitment = script[6:38]
		}
	}
	if !b.spans[0].hasWitness() || inputs != 1 {
		return commitment, nil
	}
	if items, _ := c.varint(""); items == 1 {
		reserved = c.item()
	}
	return commitment, reserved
}

// item reads a byte string in a block that Parse has read.
func (c *cursor) item() []byte {
	n, _ := c.varint("")
	c.at += int(n)
	return c.data[c.at-int(n) : c.at]
}
