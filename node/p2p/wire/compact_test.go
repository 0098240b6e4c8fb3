package wire

import (
	"encoding/binary"
	"testing"

	"github.com/dchest/siphash"

	"stele/engine/pow"
)

// The library computes the vectors of the SipHash-2-4 paper: key 00 01 ... 0f,
// messages of 0 to 15 bytes that count up.
func TestSipHash(t *testing.T) {
	key := ShortIDKey{0x0706050403020100, 0x0f0e0d0c0b0a0908}
	message := hashOf(0)
	for n, want := range map[int]uint64{0: 0x726fdb47dd0e0e31, 8: 0x93f5f5799a932462, 15: 0xa129ca6149be45e5} {
		if got := siphash.Hash(key.k0, key.k1, message[:n]); got != want {
			t.Errorf("%d bytes: %#x, want %#x", n, got, want)
		}
	}
	// The vector of 32 bytes of the reference implementation, whose low 48 bits are
	// the short id.
	const want = 0x7127512f72f27cce
	if got := key.ID(message); got != want&0xffffffffffff {
		t.Errorf("short id %#x, want the low 48 bits of %#x", got, uint64(want))
	}
}

// The key depends on every bit of the header and of the nonce.
func TestShortIDKey(t *testing.T) {
	header := headerOf(9)
	seen := map[ShortIDKey]bool{NewShortIDKey(header, 1): true, NewShortIDKey(header, 1<<63|1): true}
	encoded := header.Encode()
	for i := range encoded {
		changed := encoded
		changed[i] ^= 0x80
		h, err := pow.DecodeHeader(changed[:])
		if err != nil {
			t.Fatal(err)
		}
		seen[NewShortIDKey(h, 1)] = true
	}
	if len(seen) != 82 {
		t.Errorf("%d different keys, want 82", len(seen))
	}
}

// A compact block has an id for each record that is not prefilled, in order.
func TestNewCompact(t *testing.T) {
	var fullHashes []pow.Hash
	for i := range 300 {
		var h pow.Hash
		binary.LittleEndian.PutUint32(h[:], uint32(i))
		fullHashes = append(fullHashes, h)
	}
	for _, indices := range [][]uint32{{0}, {0, 1}, {0, 299}, {0, 7, 8, 200}} {
		isPrefilled := map[int]bool{}
		var prefilled []Prefilled
		for _, i := range indices {
			prefilled = append(prefilled, Prefilled{i, recordOf(61, 1)})
			isPrefilled[int(i)] = true
		}
		m := NewCompact(headerOf(1), 5, fullHashes, prefilled)
		if m.Count() != len(fullHashes) {
			t.Fatalf("prefilled %v: %d records, want %d", indices, m.Count(), len(fullHashes))
		}
		body(t, m)
		rest := m.IDs
		for i, h := range fullHashes {
			if isPrefilled[i] {
				continue
			}
			if rest[0] != m.Key().ID(h) {
				t.Errorf("prefilled %v: wrong short id of record %d", indices, i)
			}
			rest = rest[1:]
		}
	}
}
