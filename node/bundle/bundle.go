package bundle

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"stele/engine/pow"
	"stele/node/record"
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

// Kind tells what a case is about.
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
	return "", fmt.Errorf("%q is no kind of case: there are voucher and claim", name)
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

// Read reads a file. Only its form is checked. Errors: [ErrFormat].
func Read(r io.Reader) (*Bundle, error) {
	in := &io.LimitedReader{R: r, N: MaxFile + 1}
	dec := json.NewDecoder(in)
	dec.DisallowUnknownFields()
	var b Bundle
	err := dec.Decode(&b)
	if err == nil {
		if _, more := dec.Token(); more != io.EOF {
			err = errors.New("something follows the bundle")
		}
	}
	switch {
	case in.N <= 0:
		err = fmt.Errorf("it is longer than %d bytes", MaxFile)
	case err == nil && b.Format != Format:
		err = fmt.Errorf("it has format %d, this program knows %d", b.Format, Format)
	case err == nil && len(b.Records) > MaxRecords:
		err = fmt.Errorf("it has %d records, at most %d may be", len(b.Records), MaxRecords)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return &b, nil
}
