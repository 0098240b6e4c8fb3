package book

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
)

// The shape of the tables.
const (
	newBuckets   = 256
	triedBuckets = 64
	bucketSize   = 64

	bucketsPerSource = 16 // of the new table, for all announcements of one source group
	bucketsPerGroup  = 4  // of the tried table, for all addresses of one group
	maxPlaces        = 8  // of one address in the new table
)

// bucket is a row of places of a table. An empty place is nil.
type bucket [bucketSize]*entry

// place is a place in a table.
type place struct{ bucket, slot int }

// newPlace returns the place in the new table of an address that a source announced.
func (b *Book) newPlace(addr netip.AddrPort, source Group) place {
	s := encodeGroup(source)
	spread := b.hash("new spread", s, encodeGroup(b.network(addr)))
	row := b.hash("new bucket", s, number(spread%bucketsPerSource)) % newBuckets
	return place{int(row), b.slot("new slot", row, addr)}
}

// triedPlace returns the place of an address in the tried table.
func (b *Book) triedPlace(addr netip.AddrPort) place {
	spread := b.hash("tried spread", encode(addr))
	row := b.hash("tried bucket", encodeGroup(b.network(addr)), number(spread%bucketsPerGroup)) % triedBuckets
	return place{int(row), b.slot("tried slot", row, addr)}
}

func (b *Book) slot(label string, row uint64, addr netip.AddrPort) int {
	return int(b.hash(label, number(row), encode(addr)) % bucketSize)
}

// network returns the group of an address. An address without a group is spread by
// its port as if each port were a group, so that the many nodes of one machine do
// not share a bucket.
func (b *Book) network(addr netip.AddrPort) Group {
	if g := b.group(addr.Addr()); g.IsValid() {
		return g
	}
	a := addr.Addr().As16()
	binary.BigEndian.PutUint16(a[:], addr.Port()) // the result is only hashed
	return netip.PrefixFrom(netip.AddrFrom16(a), 128)
}

// sourceOf returns the group of a peer that announces addresses: without a group,
// its address alone.
func (b *Book) sourceOf(addr netip.Addr) Group {
	addr = addr.Unmap().WithZone("")
	if g := b.group(addr); g.IsValid() {
		return g
	}
	return netip.PrefixFrom(addr, addr.BitLen())
}

// hash returns 64 bits of the SHA-256 of the secret, a label, and fields. Fields
// with the same label have the same lengths, so that different fields never encode
// to the same bytes.
func (b *Book) hash(label string, fields ...[]byte) uint64 {
	var space [160]byte
	text := append(space[:0], b.secret[:]...)
	text = append(text, label...)
	text = append(text, 0)
	for _, f := range fields {
		text = append(text, f...)
	}
	sum := sha256.Sum256(text)
	return binary.LittleEndian.Uint64(sum[:])
}

func number(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }

// encode returns the 18 bytes of an address with its port.
func encode(a netip.AddrPort) []byte {
	ip := a.Addr().As16()
	return binary.LittleEndian.AppendUint16(ip[:], a.Port())
}

// encodeGroup returns the 18 bytes of a group; IPv4 and IPv6 differ in the last one.
func encodeGroup(g Group) []byte {
	ip := g.Addr().As16()
	return append(ip[:], byte(g.Bits()), byte(g.Addr().BitLen()))
}
