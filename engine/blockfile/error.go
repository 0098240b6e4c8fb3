package blockfile

import (
	"errors"
	"fmt"
)

// The kinds of [Error].
var (
	// ErrMagic means that no record starts where one has to.
	ErrMagic = errors.New("bad magic")
	// ErrLength means that a record is too short or too long for a block.
	ErrLength = errors.New("bad length")
	// ErrNetwork means that a file holds the blocks of another network.
	ErrNetwork = errors.New("other network")
	// ErrUndo means that a file holds undo data, not blocks.
	ErrUndo = errors.New("undo data")
	// ErrTruncated means that the data end before the thing that has begun.
	ErrTruncated = errors.New("truncated")
	// ErrVarInt means that a number is not written in its shortest form.
	ErrVarInt = errors.New("number not in shortest form")
	// ErrTransaction means that a transaction cannot be one.
	ErrTransaction = errors.New("bad transaction")
	// ErrTrailing means that bytes follow the last transaction of a block.
	ErrTrailing = errors.New("bytes after the block")
	// ErrMerkleRoot means that the header does not commit to the transactions.
	ErrMerkleRoot = errors.New("bad Merkle root")
	// ErrMutated means that the header commits to the transactions, and also
	// to another list: equal hashes stand side by side in the Merkle tree
	// (CVE-2012-2459).
	ErrMutated = errors.New("mutated Merkle tree")
	// ErrNoCoinbase means that the first transaction is no coinbase.
	ErrNoCoinbase = errors.New("no coinbase")
	// ErrCoinbases means that another transaction than the first is a coinbase.
	ErrCoinbases = errors.New("several coinbases")
	// ErrCoinbaseScript means that the script of the coinbase has a wrong length.
	ErrCoinbaseScript = errors.New("bad coinbase script")
	// ErrNullInput means that a transaction that is no coinbase has an input that
	// spends no output.
	ErrNullInput = errors.New("null input")
	// ErrDuplicateInput means that a transaction spends an output twice
	// (CVE-2018-17144).
	ErrDuplicateInput = errors.New("duplicate input")
	// ErrDoubleSpend means that two transactions spend the same output.
	ErrDoubleSpend = errors.New("double spend")
	// ErrValue means that an output, or all of a transaction together, are worth
	// more than all the money that there can be.
	ErrValue = errors.New("bad value")
	// ErrWeight means that a block weighs too much.
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

	// Skipped is how many bytes a Reader passed over to go on; 0 if it cannot.
	// They begin at SkippedFrom.
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

// bytesOf writes a number of bytes.
func bytesOf[N int | int64 | uint64](n N) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

func fault(kind error, offset int64, format string, args ...any) *Error {
	return &Error{Kind: kind, Offset: offset, Text: fmt.Sprintf(format, args...)}
}
