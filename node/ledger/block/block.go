package block

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"stele/engine/pow"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// prefixSize is the length of everything before the records, in bytes.
const prefixSize = pow.HeaderSize + 4

// minRecordSize is less than the size of any encoded record. It bounds how
// many records a block of a given size can have.
const minRecordSize = 61

// Block is a header with its records, the first of which is the coinbase. It does
// not change. Safe for concurrent use.
//
// [New] and [Decode] make blocks that keep their hash and encoding, and that they have
// passed [Block.Check]. A block that is a literal computes all that on each call.
type Block struct {
	Header  pow.Header
	Records []*record.Record

	hash pow.Hash
	raw  []byte // nil if nothing is remembered

	checked atomic.Pointer[network.Params] // of the last Check that found no fault
}

// New returns a block with these parts, which the caller must not modify
// afterwards. It checks nothing.
func New(header pow.Header, records []*record.Record) *Block {
	return &Block{Header: header, Records: records, hash: header.Hash(), raw: encode(header, records)}
}

func encode(header pow.Header, records []*record.Record) []byte {
	size := prefixSize
	for _, r := range records {
		size += r.Size()
	}
	raw := make([]byte, 0, size)
	encoded := header.Encode()
	raw = append(raw, encoded[:]...)
	raw = binary.LittleEndian.AppendUint32(raw, uint32(len(records)))
	for _, r := range records {
		raw = append(raw, r.Encode()...)
	}
	return raw
}

// Genesis returns the first block of the network.
func Genesis(p *network.Params) *Block {
	return New(p.GenesisHeader(), []*record.Record{p.GenesisCoinbase()})
}

// Decode reads a block that is all of b, which may have at most max bytes. The
// block keeps b, which the caller must not modify afterwards.
//
// Reasons: [reject.BlockTooLarge], [reject.BadBlockEncoding], and those of
// [record.Decode]. Such an input is no valid block, but that says nothing about its
// header: another body may be valid.
func Decode(b []byte, max int) (*Block, error) {
	if len(b) > max {
		return nil, reject.New(reject.BlockTooLarge, "%d bytes, must be at most %d", len(b), max)
	}
	if len(b) < prefixSize {
		return nil, reject.New(reject.BadBlockEncoding, "%d bytes, must be at least %d", len(b), prefixSize)
	}
	header, err := pow.DecodeHeader(b[:pow.HeaderSize])
	if err != nil {
		return nil, err
	}
	count := binary.LittleEndian.Uint32(b[pow.HeaderSize:])
	if room := len(b) - prefixSize; int64(count)*minRecordSize > int64(room) {
		return nil, reject.New(reject.BadBlockEncoding, "%d records do not fit into %d bytes", count, room)
	}
	records, rest, err := record.DecodeList(b[prefixSize:], int(count))
	switch {
	case err != nil:
		return nil, err
	case len(rest) > 0:
		return nil, reject.New(reject.BadBlockEncoding, "%d bytes follow the last record", len(rest))
	}
	return &Block{Header: header, Records: records, hash: header.Hash(), raw: b}, nil
}

// CountRecords returns how many records the encoded block b claims to have, 0 if b is too
// short to be a block.
func CountRecords(b []byte) int {
	if len(b) < prefixSize {
		return 0
	}
	return int(binary.LittleEndian.Uint32(b[pow.HeaderSize:]))
}

// DecodeRecords reads the header of the encoded block b, and the records with some
// indexes, which must ascend. A record is nil if the block has none with its index.
// The other records are skipped, and nothing is kept of b. The reasons are those of
// [Decode], as far as they concern what is read.
func DecodeRecords(b []byte, indexes ...uint32) (pow.Header, []*record.Record, error) {
	if len(b) < prefixSize {
		return pow.Header{}, nil, reject.New(reject.BadBlockEncoding, "%d bytes, must be at least %d", len(b), prefixSize)
	}
	header, err := pow.DecodeHeader(b[:pow.HeaderSize])
	if err != nil {
		return pow.Header{}, nil, err
	}
	count := binary.LittleEndian.Uint32(b[pow.HeaderSize:])
	records, b := make([]*record.Record, len(indexes)), b[prefixSize:]
	for i, next := uint32(0), 0; next < len(indexes) && indexes[next] < count; i++ {
		size, err := record.EncodedSize(b)
		if err == nil && i == indexes[next] {
			records[next], err = record.Decode(bytes.Clone(b[:size]))
			next++
		}
		if err != nil {
			return header, nil, fmt.Errorf("record %d of %d: %w", i, count, err)
		}
		b = b[size:]
	}
	return header, records, nil
}

// Encode returns the encoded block, which must not be modified.
func (b *Block) Encode() []byte {
	if b.raw == nil {
		return encode(b.Header, b.Records)
	}
	return b.raw
}

// Size returns the length of the encoded block in bytes.
func (b *Block) Size() int { return len(b.Encode()) }

// Hash returns the hash of the header.
func (b *Block) Hash() pow.Hash {
	if b.raw == nil {
		return b.Header.Hash()
	}
	return b.hash
}

// IDs returns the ids of the records: the leaves of the Merkle tree.
func (b *Block) IDs() []pow.Hash {
	ids := make([]pow.Hash, len(b.Records))
	for i, r := range b.Records {
		ids[i] = r.ID()
	}
	return ids
}
