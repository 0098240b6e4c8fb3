package wire

import (
	"encoding/binary"

	"github.com/dchest/siphash"
	sha256 "github.com/minio/sha256-simd"

	"stele/engine/pow"
)

// ShortIDSize is the length of an encoded short id in bytes.
const ShortIDSize = 6

// maxShortID is the highest short id.
const maxShortID ShortID = 1<<(8*ShortIDSize) - 1

// ShortID stands for a record in a [Compact] block: 48 bits of a keyed hash of the
// record's full hash. On the wire it has 6 bytes, little-endian.
type ShortID uint64

// ShortIDKey is the key of the short ids of one compact block. Different senders use
// different keys, so that nobody can make records that collide at all nodes.
type ShortIDKey struct{ k0, k1 uint64 }

// NewShortIDKey returns the key for a block and a nonce, as BIP 152 defines it: the
// first 16 bytes of the SHA-256 of the encoded header and the little-endian nonce,
// read as two little-endian numbers.
func NewShortIDKey(header pow.Header, nonce uint64) ShortIDKey {
	encoded := header.Encode()
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64(encoded[:], nonce))
	return ShortIDKey{binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:])}
}

// ID returns the short id of the record with a full hash: the low 48 bits of its
// SipHash-2-4. Records whose short ids are equal can be in one block.
// Safe for concurrent use.
func (k ShortIDKey) ID(fullHash pow.Hash) ShortID {
	return ShortID(siphash.Hash(k.k0, k.k1, fullHash[:])) & maxShortID
}

// Prefilled is a record that a [Compact] block has whole.
type Prefilled struct {
	Index  uint32 // in the block
	Record []byte // encoded
}

// Compact is a block whose records are short ids, for receivers that have most of
// the records. Its body, of at most 512 kB, is the header, Nonce, the short ids after
// their number in 4 bytes, and the prefilled records after their number in 2 bytes,
// each with its index.
type Compact struct {
	Header pow.Header
	Nonce  uint64 // makes the key of the short ids
	// IDs stand for all records that are not prefilled, in the order of the block.
	IDs []ShortID
	// Prefilled has the coinbase, which is record 0, and records that the receiver
	// probably lacks: with ascending indices, and at most [MaxPrefilled] bytes
	// without the coinbase.
	Prefilled []Prefilled
}

// NewCompact returns the compact form of a block whose records have these full
// hashes. prefilled must be as in [Compact], with indices of the block.
func NewCompact(header pow.Header, nonce uint64, fullHashes []pow.Hash, prefilled []Prefilled) *Compact {
	m := &Compact{Header: header, Nonce: nonce, Prefilled: prefilled}
	key := m.Key()
	next := prefilled
	for i, h := range fullHashes {
		if len(next) > 0 && next[0].Index == uint32(i) {
			next = next[1:]
			continue
		}
		m.IDs = append(m.IDs, key.ID(h))
	}
	return m
}

// Key returns the key of the short ids.
func (m *Compact) Key() ShortIDKey { return NewShortIDKey(m.Header, m.Nonce) }

// Count returns how many records the block has.
func (m *Compact) Count() int { return len(m.IDs) + len(m.Prefilled) }

// Kind returns [KindCompact].
func (*Compact) Kind() Kind { return KindCompact }

func (m *Compact) layout(c *coder) {
	c.header(&m.Header)
	c.f.Uint64(&m.Nonce)
	list(c, &m.IDs, c.count32(len(m.IDs), 0, maxCompactBody/ShortIDSize, ShortIDSize), c.shortID)
	n := c.count16(len(m.Prefilled), 1, maxCompactBody/(4+2+MinRecordSize), 4+2+MinRecordSize)
	list(c, &m.Prefilled, n, func(p *Prefilled) {
		c.f.Uint32(&p.Index)
		c.record(&p.Record)
	})
	if c.fault() == nil {
		m.checkPrefilled(c)
	}
}

// checkPrefilled applies the rules of the prefilled records.
func (m *Compact) checkPrefilled(c *coder) {
	if m.Prefilled[0].Index != 0 {
		c.failf("the first prefilled record has index %d, must be 0", m.Prefilled[0].Index)
	}
	size := 0
	for i, p := range m.Prefilled[1:] {
		before := m.Prefilled[i].Index
		if before >= p.Index {
			c.failf("index %d after %d, must ascend", p.Index, before)
			return
		}
		size += len(p.Record)
	}
	last := m.Prefilled[len(m.Prefilled)-1].Index
	if int64(last) >= int64(m.Count()) {
		c.failf("index %d in a block of %d records", last, m.Count())
	}
	if size > MaxPrefilled {
		c.failf("%d bytes prefilled beside the coinbase, must be at most %d", size, MaxPrefilled)
	}
}

// shortID is a short id in 6 bytes.
func (c *coder) shortID(p *ShortID) {
	if *p > maxShortID {
		c.failf("short id %#x, must have 48 bits", uint64(*p))
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(*p))
	c.f.Fixed(b[:ShortIDSize])
	*p = ShortID(binary.LittleEndian.Uint64(b[:]))
}
