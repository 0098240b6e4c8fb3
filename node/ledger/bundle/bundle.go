package bundle

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	jsonv2 "github.com/go-json-experiment/json"

	"stele/engine/pow"
	"stele/internal/bounded"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
)

// Format is the version of the file format that this package writes and reads.
const Format = 1

// Limits of what Read accepts.
const (
	MaxFile    = 256 << 20 // bytes
	MaxRecords = 10_000
)

// Errors, to be tested with errors.Is.
var (
	ErrFormat = errors.New("not a bundle that this program can read")
	ErrFault  = errors.New("the bundle proves nothing") // always a [*Fault]
)

// Kind is the kind of thing that a case is about.
type Kind string

// The kinds of cases.
const (
	Voucher Kind = "voucher"
	Claim   Kind = "claim"
)

// ParseKind reads "voucher" or "claim".
func ParseKind(name string) (Kind, error) {
	switch k := Kind(name); k {
	case Voucher, Claim:
		return k, nil
	}
	return "", fmt.Errorf("invalid kind %q: must be voucher or claim", name)
}

// Bundle is the file, in JSON.
type Bundle struct {
	Format  int       `json:"format"`
	Network string    `json:"network"`
	Kind    Kind      `json:"kind"`
	ID      record.ID `json:"id"`
	// Start is the height of the first header.
	Start uint32 `json:"start"`
	// Headers are encoded, without a gap.
	Headers []Header `json:"headers"`
	// Records are in the order of the chain.
	Records []Entry `json:"records"`
}

// Header is an encoded header; 160 hexadecimal digits in JSON.
type Header [pow.HeaderSize]byte

// MarshalText returns hexadecimal digits.
func (h Header) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads hexadecimal digits.
func (h *Header) UnmarshalText(text []byte) error {
	if len(text) != 2*len(h) {
		return fmt.Errorf("a header has %d hexadecimal digits, this one has %d", 2*len(h), len(text))
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// Entry is a record with its place in the chain.
type Entry struct {
	Height uint32     `json:"height"`
	Index  uint32     `json:"index"`  // in the block
	Count  uint32     `json:"count"`  // records of the block
	Branch []pow.Hash `json:"branch"` // from the record's ID to the Merkle root
	Record Raw        `json:"record"`
}

// Raw is an encoded record; hexadecimal digits in JSON.
type Raw []byte

// MarshalText returns hexadecimal digits.
func (r Raw) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, r), nil }

// UnmarshalText reads hexadecimal digits.
func (r *Raw) UnmarshalText(text []byte) error {
	if len(text) > 2*record.MaxSize {
		return fmt.Errorf("a record has at most %d bytes", record.MaxSize)
	}
	b, err := hex.DecodeString(string(text))
	*r = b
	return err
}

// Write writes the file.
func (b *Bundle) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(b)
}

// maxToken is the longest string of a file, a record in hexadecimal digits, and
// its quotes.
const maxToken = 2*record.MaxSize + 2

// limits are what Read bounds while it reads: a list is never longer than what
// may be in it, and every element has something in it.
var limits = bounded.Limits{
	Bytes: MaxFile, Token: maxToken,
	Lists: []*jsonv2.Unmarshalers{
		bounded.List[Header](MaxFile/(2*pow.HeaderSize), nil),
		bounded.List[pow.Hash](block.MaxBranch, nil),
		bounded.List(MaxRecords, func(e *Entry) error {
			if len(e.Record) == 0 {
				return errors.New("it has no record")
			}
			return nil
		}),
	},
}

// Read reads a file. Only its form is checked: names have their exact case and
// occur once. It allocates at most about twice the length of what it reads.
// Errors: [ErrFormat].
func Read(r io.Reader) (*Bundle, error) {
	var b Bundle
	err := bounded.Decode(r, &b, limits)
	if err == nil && b.Format != Format {
		err = fmt.Errorf("format %d, this program knows %d", b.Format, Format)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return &b, nil
}
