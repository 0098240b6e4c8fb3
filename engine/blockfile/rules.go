package blockfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"slices"

	"stele/engine/pow"
)

const (
	// maxMoney bounds the value of an output, and of all outputs of a transaction:
	// 21 million bitcoin, in satoshi.
	maxMoney = 21_000_000 * 100_000_000

	// maxWeight bounds the weight of a block (BIP 141): three times its length
	// without witnesses, and its length.
	maxWeight = 4_000_000

	// A coinbase has a script of 2 to 100 bytes.
	minCoinbaseScript = 2
	maxCoinbaseScript = 100

	// maxSigops bounds the signature operations in the scripts of a block: each
	// costs 4, and all may cost 80,000 (BIP 141).
	maxSigops = 20_000

	// sigopsOfMultisig is the count of an operation with several keys, whatever
	// their number.
	sigopsOfMultisig = 20

	// outputSize is the length of a reference to an output: the id of its
	// transaction, and its index there (4 bytes, little-endian).
	outputSize = 32 + 4

	// shortSize is the length in bytes of transactions that can be mistaken for a
	// node of the Merkle tree.
	shortSize = 64
)

// ruleKinds lists the kinds of error of [Block.CheckRules] in its order.
var ruleKinds = []error{
	ErrNoCoinbase, ErrCoinbases, ErrCoinbaseScript, ErrNullInput,
	ErrDuplicateInput, ErrDoubleSpend, ErrValue, ErrWeight, ErrSigops,
}

// CheckRules checks the rules about transactions that need only the block:
//
//   - the first transaction is a coinbase, with a script of 2 to 100 bytes, and no
//     other is;
//   - no other transaction has an input that spends no output;
//   - no output is spent twice, neither by one transaction nor by two;
//   - no output is worth more than 21 million bitcoin, nor are all of a
//     transaction;
//   - the block weighs at most 4,000,000;
//   - its scripts have at most 20,000 signature operations, without those that the
//     spent outputs add (P2SH, witnesses), which the block does not show.
//
// It returns the first violation of each rule, with the offset in the block:
// [ErrNoCoinbase], [ErrCoinbases], [ErrCoinbaseScript], [ErrNullInput],
// [ErrDuplicateInput], [ErrDoubleSpend], [ErrValue], [ErrWeight], [ErrSigops], in
// this order.
func (b *Block) CheckRules() []*Error {
	if !b.suspect && b.weight() <= maxWeight && b.sigops <= maxSigops && !b.hasher.outputs.hasDuplicate(b.raw, b.spent) {
		return nil
	}
	return b.findViolations()
}

// weight returns the weight of the block.
func (b *Block) weight() int { return 3*b.stripped + len(b.raw) }

// ShortTransactions returns the number of transactions that have 64 bytes without
// their witnesses. Such a transaction can be mistaken for a node of the Merkle
// tree, so that a proof of inclusion can be forged (BIP 54 proposes to forbid
// them).
func (b *Block) ShortTransactions() int { return b.short }

// isSuspect reports whether the transaction breaks a rule by itself. First reports
// whether it is the first of the block.
func (tx *transaction) isSuspect(first bool, raw []byte) bool {
	isCoinbase := tx.isCoinbase()
	if isCoinbase != first || tx.badValue || tx.nulls > 0 && !isCoinbase {
		return true
	}
	return isCoinbase && !isCoinbaseScript(coinbaseScript(raw, tx.body))
}

func (tx *transaction) isCoinbase() bool { return tx.inputs == 1 && tx.nulls == 1 }

// coinbaseScript returns the script of the only input of a transaction, whose body
// begins at this offset.
func coinbaseScript(raw []byte, body int) []byte {
	c := cursor{data: raw, at: body + 1 + outputSize}
	return c.item()
}

func isCoinbaseScript(script []byte) bool {
	return minCoinbaseScript <= len(script) && len(script) <= maxCoinbaseScript
}

// CoinbaseHeight returns the height at the beginning of the script of the coinbase
// (BIP 34), or -1 if there is none.
func (b *Block) CoinbaseHeight() int64 {
	if !b.coinbase {
		return -1
	}
	return decodeHeight(coinbaseScript(b.raw, int(b.spans[0].body)))
}

// decodeHeight reads the number that a script pushes first, in its shortest form,
// or returns -1.
func decodeHeight(script []byte) int64 {
	const op0, op1, op16 = 0, 0x51, 0x60
	switch {
	case len(script) == 0:
		return -1
	case script[0] == op0:
		return 0
	case script[0] >= op1 && script[0] <= op16:
		return int64(script[0]-op1) + 1
	}
	n := int(script[0])
	if n > 5 || n >= len(script) {
		return -1
	}
	number := script[1 : n+1]
	height := int64(0)
	for i, digit := range number {
		height |= int64(digit) << (8 * i)
	}
	top := number[n-1]
	isNegative := top&0x80 != 0
	isLonger := top == 0 && (n == 1 || number[n-2]&0x80 == 0)
	if isNegative || isLonger || height <= 16 {
		return -1
	}
	return height
}

// findViolations returns the first violation of each rule.
func (b *Block) findViolations() []*Error {
	var all []*Error
	note := func(kind error, at int, format string, args ...any) {
		if !slices.ContainsFunc(all, func(e *Error) bool { return e.Kind == kind }) {
			all = append(all, fault(kind, int64(at), format, args...))
		}
	}
	if w := b.weight(); w > maxWeight {
		note(ErrWeight, 0, "the block has a weight of %d: expected at most %d", w, maxWeight)
	}
	if n := b.sigops; n > maxSigops {
		note(ErrSigops, 0, "the scripts have %d signature operations: expected at most %d", n, maxSigops)
	}
	spentBy := map[[outputSize]byte]int{} // the transaction that spends an output
	i := 0
	c := &cursor{data: b.raw}
	_ = c.transactions(func(tx *transaction) {
		isCoinbase := tx.isCoinbase()
		switch {
		case i == 0 && !isCoinbase:
			note(ErrNoCoinbase, tx.start, "transaction 0 is not a coinbase: it has %s, expected one that spends no output", plural(tx.inputs, "input"))
		case i > 0 && isCoinbase:
			note(ErrCoinbases, tx.start, "transaction %d is a coinbase: expected only transaction 0 to be one", i)
		}
		if isCoinbase {
			if script := coinbaseScript(b.raw, tx.body); !isCoinbaseScript(script) {
				note(ErrCoinbaseScript, tx.start, "the coinbase has a script of %s: expected %d to %d", bytesOf(len(script)), minCoinbaseScript, maxCoinbaseScript)
			}
		}
		b.eachInput(tx, func(n, at int) {
			output := [outputSize]byte(b.raw[at:])
			if isNull(output[:]) {
				if !isCoinbase {
					note(ErrNullInput, at, "input %d of transaction %d spends no output: only the input of a coinbase may", n, i)
				}
				return
			}
			if by, spent := spentBy[output]; !spent {
				spentBy[output] = i
			} else if by == i {
				note(ErrDuplicateInput, at, "transaction %d spends output %s twice", i, outputText(output))
			} else {
				note(ErrDoubleSpend, at, "transactions %d and %d both spend output %s", by, i, outputText(output))
			}
		})
		if tx.badValue {
			b.findBadValue(tx, func(n, at int, amount uint64, what string) {
				note(ErrValue, at, "%s %d of transaction %d has the value %d: expected at most %d", what, n, i, amount, uint64(maxMoney))
			})
		}
		i++
	})
	slices.SortFunc(all, func(x, y *Error) int { return slices.Index(ruleKinds, x.Kind) - slices.Index(ruleKinds, y.Kind) })
	return all
}

// countSigops counts the signature operations of a script as Bitcoin Core does
// for a script of unknown purpose: up to the first push that the end of the script
// cuts off.
func countSigops(script []byte) (n int) {
	const (
		pushData1, pushData2, pushData4 = 0x4c, 0x4d, 0x4e
		checkSig, checkSigVerify        = 0xac, 0xad
		multiSig, multiSigVerify        = 0xae, 0xaf
	)
	for len(script) > 0 {
		op := script[0]
		script = script[1:]
		size := 0 // of the data pushed and its length
		switch {
		case op < pushData1:
			size = int(op)
		case op == pushData1 && len(script) >= 1:
			size = 1 + int(script[0])
		case op == pushData2 && len(script) >= 2:
			size = 2 + int(binary.LittleEndian.Uint16(script))
		case op == pushData4 && len(script) >= 4:
			size = int(min(4+int64(binary.LittleEndian.Uint32(script)), int64(len(script))+1))
		case op <= pushData4:
			return n
		case op == checkSig || op == checkSigVerify:
			n++
		case op == multiSig || op == multiSigVerify:
			n += sigopsOfMultisig
		}
		if size > len(script) {
			return n
		}
		script = script[size:]
	}
	return n
}

// eachInput calls f with the index of each input and the offset of the output that
// it spends.
func (b *Block) eachInput(tx *transaction, f func(n, at int)) *cursor {
	c := &cursor{data: b.raw, at: tx.body}
	inputs, _ := c.varint("")
	for n := range inputs {
		f(int(n), c.at)
		c.at += outputSize
		c.item()
		c.at += 4
	}
	return c
}

// findBadValue calls note with the first output whose value, alone or with the
// outputs before it, is above maxMoney.
func (b *Block) findBadValue(tx *transaction, note func(n, at int, amount uint64, what string)) {
	c := b.eachInput(tx, func(n, at int) {})
	outputs, _ := c.varint("")
	sum := uint64(0)
	for n := range outputs {
		amount := binary.LittleEndian.Uint64(c.data[c.at:])
		sum += amount
		switch {
		case amount > maxMoney:
			note(int(n), c.at, amount, "output")
			return
		case sum > maxMoney:
			note(int(n), c.at, sum, "the sum up to output")
			return
		}
		c.at += 8
		c.item()
	}
}

// isNull reports whether a reference is the null output, which the input of a
// coinbase spends.
func isNull(output []byte) bool {
	return binary.LittleEndian.Uint32(output[32:]) == 1<<32-1 && [32]byte(output) == [32]byte{}
}

// outputText formats a reference to an output as id:index.
func outputText(output [outputSize]byte) string {
	return fmt.Sprintf("%v:%d", pow.Hash(output[:32]), binary.LittleEndian.Uint32(output[32:]))
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// outputSet finds outputs that are spent twice. Its memory is reused for the next
// block. The hash has a random seed, so that nobody can make a block that is slow
// to check.
type outputSet struct {
	seed  maphash.Seed
	slots []uint32 // offset of an output in the block; 0 if the slot is empty
}

// hasDuplicate reports whether any two of the outputs at these offsets of the block
// are equal.
func (s *outputSet) hasDuplicate(raw []byte, offsets []uint32) bool {
	if len(offsets) < 2 {
		return false
	}
	if s.seed == (maphash.Seed{}) {
		s.seed = maphash.MakeSeed()
	}
	size := 16
	for size < 2*len(offsets) {
		size *= 2
	}
	s.slots = slices.Grow(s.slots[:0], size)[:size]
	clear(s.slots)
	mask := uint64(size - 1)
	for _, at := range offsets {
		output := raw[at:][:outputSize]
		slot := maphash.Bytes(s.seed, output) & mask
		for ; s.slots[slot] != 0; slot = (slot + 1) & mask {
			if bytes.Equal(raw[s.slots[slot]:][:outputSize], output) {
				return true
			}
		}
		s.slots[slot] = at
	}
	return false
}
