package blockfile

import (
	"errors"
	"fmt"
)

// The kinds of [Error].
var (
	// ErrMagic means that no record starts where one must.
	ErrMagic = errors.New("bad magic")
	// ErrLength means that a record is too short or too long for a block.
	ErrLength = errors.New("bad length")
	// ErrNetwork means that a file has the blocks of another network.
	ErrNetwork = errors.New("other network")
	// ErrUndo means that a file has undo data, not blocks.
	ErrUndo = errors.New("undo data")
	// ErrTruncated means that the data end inside a record, a block or a part of it.
	ErrTruncated = errors.New("truncated")
	// ErrVarInt means that a number is not encoded in its shortest form.
	ErrVarInt = errors.New("number not in shortest form")
	// ErrTransaction means that a transaction is malformed.
	ErrTransaction = errors.New("bad transaction")
	// ErrTrailing means that bytes follow the last transaction of a block.
	ErrTrailing = errors.New("bytes after the block")
	// ErrMerkleRoot means that the header does not commit to the transactions.
	ErrMerkleRoot = errors.New("bad Merkle root")
	// ErrMutated means that the header commits to the transactions, and also to
	// another list: equal hashes are side by side in the Merkle tree
	// (CVE-2012-2459).
	ErrMutated = errors.New("mutated Merkle tree")
	// ErrNoCoinbase means that the first transaction is not a coinbase.
	ErrNoCoinbase = errors.New("no coinbase")
	// ErrCoinbases means that a transaction other than the first is a coinbase.
	ErrCoinbases = errors.New("several coinbases")
	// ErrCoinbaseScript means that the script of the coinbase has a wrong length.
	ErrCoinbaseScript = errors.New("bad coinbase script")
	// ErrNullInput means that a transaction other than a coinbase has an input that
	// spends no output.
	ErrNullInput = errors.New("null input")
	// ErrDuplicateInput means that a transaction spends an output twice
	// (CVE-2018-17144).
	ErrDuplicateInput = errors.New("duplicate input")
	// ErrDoubleSpend means that two transactions spend the same output.
	ErrDoubleSpend = errors.New("double spend")
	// ErrValue means that an output, or all outputs of a transaction together, are
	// worth more than 21 million bitcoin.
	ErrValue = errors.New("bad value")
	// ErrWeight means that the weight of a block is above 4,000,000 (BIP 141).
	ErrWeight = errors.New("bad weight")
	// ErrSigops means that the scripts of a block have too many signature
	// operations.
	ErrSigops = errors.New("too many signature operations")
	// ErrWitness means that the coinbase does not commit to the witnesses of
	// the block (BIP 141).
	ErrWitness = errors.New("bad witness commitment")
)

// Error is a fault in a block or in the file around it.
type Error struct {
	Kind   error  // one of the Err values of this package, or an error of reading
	Offset int64  // byte at which it was found: in the stream for Reader, in the block for Block
	Text   string // what was found and what was expected

	// Skipped is the number of bytes that a Reader has skipped, from SkippedFrom on,
	// so that it can continue; 0 if it cannot.
	Skipped     int64
	SkippedFrom int64
}

func (e *Error) Error() string {
	text := fmt.Sprintf("offset %d: %s", e.Offset, e.Text)
	if e.Skipped > 0 {
		text += fmt.Sprintf("; %s skipped", bytesOf(e.Skipped))
	}
	return text
}

// Unwrap returns e.Kind, for errors.Is.
func (e *Error) Unwrap() error { return e.Kind }

// bytesOf formats a number of bytes.
func bytesOf[N int | int64 | uint64](n N) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

func fault(kind error, offset int64, format string, args ...any) *Error {
	return &Error{Kind: kind, Offset: offset, Text: fmt.Sprintf(format, args...)}
}
