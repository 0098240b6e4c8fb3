package record

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"

	"stele/node/ledger/fields"
	"stele/node/ledger/reject"
)

const (
	frameSize     = 4 + 1 + 1 + 8 + 4 + 8 + 32 + 2 // the body without the payload
	ambiguousSize = 64                             // of a body that could be two hashes
)

// appendRecord appends the full encoding of r to b.
func appendRecord(b []byte, r *Record) []byte {
	le := binary.LittleEndian
	start := len(b)
	b = le.AppendUint32(b, r.Network)
	b = append(b, byte(r.Type()), r.Version)
	b = le.AppendUint64(b, r.Seq)
	b = le.AppendUint32(b, r.ValidUntil)
	b = le.AppendUint64(b, uint64(r.Fee))
	b = append(b, r.Key[:]...)
	b = append(b, 0, 0) // the payload's length, set below
	if r.Payload != nil {
		b = r.Payload.Append(b)
	}
	le.PutUint16(b[start+frameSize-2:], uint16(len(b)-start-frameSize))
	b = append(b, byte(len(r.Signatures)))
	for i := range r.Signatures {
		b = append(b, r.Signatures[i][:]...)
	}
	return b
}

// bodyOf returns the body with which an encoded record begins.
func bodyOf(raw []byte) []byte {
	size := frameSize + int(binary.LittleEndian.Uint16(raw[frameSize-2:]))
	return raw[:size:size]
}

// Decode reads a record that is all of b, which may have at most [MaxSize]
// bytes. The record keeps b, which must not be modified afterwards. Only the
// form is checked, not the rules of [Record.Check]. Reasons:
// [reject.BadRecordEncoding], [reject.RecordTooLarge], [reject.Ambiguous],
// [reject.UnknownType], [reject.UnknownVersion], [reject.SignatureCount],
// [reject.NotCanonical], [reject.TooManyApprovers], [reject.UnknownRole].
func Decode(b []byte) (*Record, error) {
	r, rest, err := decodePrefix(b)
	switch {
	case err != nil:
		return nil, err
	case len(rest) > 0:
		return nil, reject.New(reject.BadRecordEncoding, "%d bytes follow the record of %d", len(rest), len(b)-len(rest))
	}
	r.hash()
	return r, nil
}

// DecodeList reads the count records with which b begins, on all processors, and returns
// what follows them. The records keep b, as with [Decode]: copy a record that outlives
// the input. The reasons are those of [Decode]; the text says which record.
func DecodeList(b []byte, count int) (records []*Record, rest []byte, err error) {
	const minShare = 512 // records; fewer are not worth a goroutine
	records = make([]*Record, count)
	shares := max(1, min(runtime.GOMAXPROCS(0), count/minShare))
	rest, at, err := decodeAll(b, records, shares)
	if err != nil {
		return nil, nil, fmt.Errorf("record %d of %d: %w", at, count, err)
	}
	return records, rest, nil
}

// decodeAll reads records in shares, each in its own goroutine. An error is that of the
// first record that has one, at its index.
func decodeAll(b []byte, records []*Record, shares int) (rest []byte, at int, err error) {
	if shares == 1 {
		return decodeEach(b, records)
	}
	own := len(records) / shares
	size, err := encodedSizes(b, own)
	if err != nil { // the exact one is found in order
		return decodeEach(b, records)
	}
	var others sync.WaitGroup
	var otherAt int
	var otherErr error
	others.Go(func() { rest, otherAt, otherErr = decodeAll(b[size:], records[own:], shares-1) })
	_, at, err = decodeEach(b, records[:own])
	others.Wait()
	if err != nil {
		return nil, at, err
	}
	return rest, own + otherAt, otherErr
}

// decodeEach reads records one after the other, and hashes them together.
func decodeEach(b []byte, records []*Record) (rest []byte, at int, err error) {
	for i := range records {
		if records[i], b, err = decodePrefix(b); err != nil {
			return nil, i, err
		}
	}
	hashEach(records)
	return b, 0, nil
}

// encodedSizes returns the size in bytes of the count records with which b begins.
func encodedSizes(b []byte, count int) (sum int, err error) {
	for range count {
		size, err := EncodedSize(b[sum:])
		if err != nil {
			return 0, err
		}
		sum += size
	}
	return sum, nil
}

// EncodedSize returns the size in bytes of the encoded record with which b begins,
// its signatures included. It reads only the two lengths in the encoding, and checks
// nothing else. Reason: [reject.BadRecordEncoding] if b is shorter.
func EncodedSize(b []byte) (int, error) {
	if len(b) < frameSize {
		return 0, endsEarly(len(b), frameSize)
	}
	size := frameSize + int(binary.LittleEndian.Uint16(b[frameSize-2:])) + 1
	if len(b) >= size {
		size += int(b[size-1]) * len(Signature{})
	}
	if len(b) < size {
		return 0, endsEarly(len(b), size)
	}
	return size, nil
}

// decodePrefix reads the record with which b begins, and returns what follows
// it. The record has no hashes yet.
func decodePrefix(b []byte) (r *Record, rest []byte, err error) {
	if len(b) < frameSize {
		return nil, nil, endsEarly(len(b), frameSize)
	}
	le := binary.LittleEndian
	kind, version := Type(b[4]), b[5]
	if err := knownType(kind, version); err != nil {
		return nil, nil, err
	}
	bodySize := frameSize + int(le.Uint16(b[frameSize-2:]))
	switch {
	case bodySize == ambiguousSize:
		return nil, nil, ambiguous()
	case bodySize+1 > MaxSize:
		return nil, nil, tooLarge(bodySize + 1)
	case len(b) < bodySize+1:
		return nil, nil, endsEarly(len(b), bodySize+1)
	}
	payload, err := decodePayload(kind, b[frameSize:bodySize])
	if err != nil {
		return nil, nil, err
	}

	count := int(b[bodySize])
	if want := signatureCount(payload); count != want {
		return nil, nil, wrongSignatureCount(count, want)
	}
	size := bodySize + 1 + count*len(Signature{})
	switch {
	case size > MaxSize:
		return nil, nil, tooLarge(size)
	case len(b) < size:
		return nil, nil, endsEarly(len(b), size)
	}
	r = &Record{
		Network:    le.Uint32(b),
		Version:    version,
		Seq:        le.Uint64(b[6:]),
		ValidUntil: le.Uint32(b[14:]),
		Fee:        Amount(le.Uint64(b[18:])),
		Key:        Key(b[26:]),
		Payload:    payload,
		Signatures: make([]Signature, count),
	}
	for i := range r.Signatures {
		r.Signatures[i] = Signature(b[bodySize+1+i*len(Signature{}):])
	}
	r.raw = b[:size:size]
	return r, b[size:], nil
}

// decodePayload reads a payload that is all of b.
func decodePayload(kind Type, b []byte) (Payload, error) {
	f := fields.Read(b)
	defer f.Release()
	payload := types[kind].decode(f)
	if rest := len(f.Bytes()); rest > 0 {
		f.Fail(reject.New(reject.BadRecordEncoding, "%v: %d bytes follow the payload of %d", kind, rest, len(b)-rest))
	}
	if f.Err() != nil {
		return nil, f.Err()
	}
	return payload, nil
}

func endsEarly(got, want int) error {
	return reject.New(reject.BadRecordEncoding, "the record ends after %d of at least %d bytes", got, want)
}

func tooLarge(size int) error {
	return reject.New(reject.RecordTooLarge, "the record has %d bytes, the limit is %d", size, MaxSize)
}

func ambiguous() error {
	return reject.New(reject.Ambiguous, "the body has %d bytes, as two nodes of a Merkle tree", ambiguousSize)
}

func wrongSignatureCount(got, want int) error {
	return reject.New(reject.SignatureCount, "%d signatures, want %d", got, want)
}
