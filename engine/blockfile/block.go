package blockfile

import (
	"encoding/binary"
	"fmt"

	"stele/engine/pow"
)

const (
	// MaxBlockSize is the maximum size of a block in bytes: BIP 141 allows a weight
	// of 4,000,000, and each byte weighs at least 1.
	MaxBlockSize = 4_000_000

	// minBlockSize is a header and the number of transactions.
	minBlockSize = pow.HeaderSize + 1

	minInputSize       = 36 + 1 + 4 // output spent, script length, sequence
	minOutputSize      = 8 + 1      // amount, script length
	minTransactionSize = 4 + 1 + minInputSize + 1 + minOutputSize + 4
)

// Block is a parsed block. The zero value is ready to use.
type Block struct {
	Header pow.Header
	TxIDs  []pow.Hash // in the order of the block

	raw    []byte
	wtxids []pow.Hash // of the transactions, with their witnesses; empty if there are none

	spans     []span   // of the transactions
	spent     []uint32 // offsets of the outputs that the inputs spend, without null outputs
	witnesses int      // transactions with witnesses
	stripped  int      // bytes without witnesses
	sigops    int      // signature operations in the scripts
	short     int      // transactions of 64 bytes
	coinbase  bool     // the first transaction is a coinbase
	suspect   bool     // a transaction breaks a rule by itself
	fault     *Error   // why it could not be parsed
	proved    bool     // its Merkle roots are right: see [Hasher.HashOn]

	parts  *parts  // of Parse, to be reused
	hasher *Hasher // which computed the ids
}

// span is the place of a transaction in its block: see transaction.
type span struct{ start, body, bodyEnd, end uint32 }

// parts is memory for the parts of blocks.
type parts struct {
	spans []span
	spent []uint32
}

func (p *parts) clear() { p.spans, p.spent = p.spans[:0], p.spent[:0] }

// Parse parses a serialized block (BIP 144 for transactions with witnesses) and
// computes the ids of its transactions. The bytes must be exactly one block with
// at least one transaction, and must not change while b is in use. A Block that
// parses many blocks, one after the other, allocates little: TxIDs are valid until
// the next Parse. Errors are [*Error] with the offset in raw:
// [ErrTruncated], [ErrVarInt], [ErrTransaction], [ErrTrailing].
func (b *Block) Parse(raw []byte) error {
	p, h := b.parts, b.hasher
	if p == nil {
		p, h = new(parts), new(Hasher)
	}
	p.clear()
	b.parts, b.hasher = p, h
	if err := b.parse(raw, p); err != nil {
		return err
	}
	h.start(len(b.spans))
	h.add(b)
	h.sum()
	b.completeWtxids()
	return nil
}

// parse fills b, without the ids, from raw. Its parts are appended to p.
func (b *Block) parse(raw []byte, p *parts) *Error {
	b.clear(raw)
	if !b.scan(raw, p) {
		b.clear(raw)
		if err := b.parsePlain(raw, p); err != nil { // it knows all reasons
			return err
		}
	}
	b.Header, _ = pow.DecodeHeader(raw[:pow.HeaderSize])
	return nil
}

// clear forgets all but the memory of [Block.Parse].
func (b *Block) clear(raw []byte) { *b = Block{raw: raw, parts: b.parts, hasher: b.hasher} }

// parsePlain is the plain form of parse, and defines what it does.
func (b *Block) parsePlain(raw []byte, p *parts) *Error {
	spans, spent := len(p.spans), len(p.spent)
	c := cursor{data: raw, spent: p.spent}
	err := c.transactions(func(tx *transaction) {
		b.note(tx, len(p.spans) == spans)
		p.spans = append(p.spans, span{uint32(tx.start), uint32(tx.body), uint32(tx.bodyEnd), uint32(tx.end)})
	})
	p.spent = c.spent
	if err != nil {
		p.spans, p.spent = p.spans[:spans], p.spent[:spent]
		return err
	}
	b.spans, b.spent = p.spans[spans:], p.spent[spent:]
	b.stripped += c.start
	b.sigops = c.sigops
	return nil
}

// note notes the properties of the next transaction that the rules need.
func (b *Block) note(tx *transaction, isFirst bool) {
	if isFirst {
		b.coinbase = tx.isCoinbase()
	}
	if tx.isSuspect(isFirst, b.raw) {
		b.suspect = true
	}
	if tx.witness {
		b.witnesses++
	}
	size := tx.strippedSize()
	b.stripped += size
	if size == shortSize {
		b.short++
	}
}

// checkForm returns the error of [Block.Parse] for raw without computing ids.
func checkForm(raw []byte) *Error {
	return (&cursor{data: raw}).transactions(func(*transaction) {})
}

// transactions parses a block and calls f with each transaction.
func (c *cursor) transactions(f func(*transaction)) *Error {
	if err := c.skip(pow.HeaderSize, "the header"); err != nil {
		return err
	}
	n, err := c.count(minTransactionSize, "the number of transactions")
	if err != nil {
		return err
	}
	if n == 0 {
		return fault(ErrTransaction, pow.HeaderSize, "the block has no transactions: expected at least 1")
	}
	c.start = c.at
	for i := range n {
		if err := c.transaction(); err != nil {
			err.Text = fmt.Sprintf("transaction %d of %d: %s", i, n, err.Text)
			return err
		}
		f(&c.tx)
	}
	if c.left() > 0 {
		return fault(ErrTrailing, int64(c.at), "the block does not end after the last transaction: it has %s more", bytesOf(c.left()))
	}
	return nil
}

// CheckMerkle compares the Merkle root of the transactions with the header.
// Errors are [*Error]: [ErrMerkleRoot], [ErrMutated].
func (b *Block) CheckMerkle() error {
	if b.proved {
		return nil
	}
	root, mutated := pow.MerkleRoot(b.TxIDs)
	switch {
	case root != b.Header.MerkleRoot:
		return fault(ErrMerkleRoot, merkleRootOffset, "the header has the Merkle root %v, its %d transactions have %v", b.Header.MerkleRoot, len(b.TxIDs), root)
	case mutated:
		return fault(ErrMutated, merkleRootOffset, "equal hashes side by side in the Merkle tree of the %d transactions: expected different ones", len(b.TxIDs))
	}
	return nil
}

// merkleRootOffset is the offset of the Merkle root in a header.
const merkleRootOffset = 36

// transaction has the offsets of the parts of a transaction in a block: 4 bytes of
// version at start, the inputs and outputs from body to bodyEnd, and 4 bytes of
// lock time before end. With witnesses, marker and flag precede the body and the
// witnesses follow it.
type transaction struct {
	start, body, bodyEnd, end int
	witness                   bool

	inputs   int
	nulls    int  // inputs that spend the null output, as a coinbase does
	badValue bool // an amount, or the sum of all, is above maxMoney
}

// strippedSize returns the length without witnesses.
func (tx *transaction) strippedSize() int {
	if !tx.witness {
		return tx.end - tx.start
	}
	return tx.bodyEnd - tx.body + 8 // version and lock time
}

// transaction reads one transaction into c.tx.
func (c *cursor) transaction() *Error {
	c.tx = transaction{start: c.at}
	tx := &c.tx
	if err := c.skip(4, "the version"); err != nil {
		return err
	}
	if c.left() >= 2 && c.data[c.at] == 0 { // the marker; no transaction has 0 inputs
		if flag := c.data[c.at+1]; flag != 1 {
			return fault(ErrTransaction, int64(c.at), "no inputs: 00%02x after the version, expected an input, or the marker and flag 0001", flag)
		}
		tx.witness = true
		c.at += 2
	}
	tx.body = c.at
	if err := c.inputs(tx); err != nil {
		return err
	}
	if err := c.outputs(tx); err != nil {
		return err
	}
	tx.bodyEnd = c.at
	if tx.witness {
		if err := c.witnesses(tx.inputs); err != nil {
			return err
		}
	}
	if err := c.skip(4, "the lock time"); err != nil {
		return err
	}
	tx.end = c.at
	return nil
}

func (c *cursor) inputs(tx *transaction) *Error {
	start := c.at
	n, err := c.count(minInputSize, "the number of inputs")
	if err != nil {
		return err
	}
	if n == 0 {
		return fault(ErrTransaction, int64(start), "no inputs: expected at least 1")
	}
	tx.inputs = n
	for range n {
		output := c.at
		if err := c.skip(outputSize, "the output that an input spends"); err != nil {
			return err
		}
		if isNull(c.data[output:c.at]) {
			tx.nulls++
		} else {
			c.spent = append(c.spent, uint32(output))
		}
		if err := c.script("the script of an input"); err != nil {
			return err
		}
		if err := c.skip(4, "the sequence of an input"); err != nil {
			return err
		}
	}
	return nil
}

func (c *cursor) outputs(tx *transaction) *Error {
	start := c.at
	n, err := c.count(minOutputSize, "the number of outputs")
	if err != nil {
		return err
	}
	if n == 0 {
		return fault(ErrTransaction, int64(start), "no outputs: expected at least 1")
	}
	sum := uint64(0)
	for range n {
		if err := c.skip(8, "the amount of an output"); err != nil {
			return err
		}
		amount := binary.LittleEndian.Uint64(c.data[c.at-8:])
		if sum += amount; amount > maxMoney || sum > maxMoney {
			tx.badValue = true
		}
		if err := c.script("the script of an output"); err != nil {
			return err
		}
	}
	return nil
}

// witnesses skips one stack of byte strings for each input. Marker and flag
// without a witness would be a second form of the same transaction, so they are
// an error, as in Bitcoin Core.
func (c *cursor) witnesses(inputs int) *Error {
	start, used := c.at, false
	for range inputs {
		items, err := c.count(1, "the number of witness items")
		if err != nil {
			return err
		}
		used = used || items > 0
		for range items {
			if _, err := c.bytes("a witness item"); err != nil {
				return err
			}
		}
	}
	if !used {
		return fault(ErrTransaction, int64(start), "marker and flag, but no witness: expected at least 1 witness item")
	}
	return nil
}
