package store

import (
	"encoding/binary"
	"hash/crc32"

	"stele/engine/pow"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const sumSize = 4

// appendSum appends the CRC-32C of b.
func appendSum(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// cutSum checks the CRC-32C at the end of b and cuts it off.
func cutSum(b []byte) ([]byte, bool) {
	n := len(b) - sumSize
	if n < 0 || binary.LittleEndian.Uint32(b[n:]) != crc32.Checksum(b[:n], castagnoli) {
		return nil, false
	}
	return b[:n], true
}

// header is a value of the space headers.
type header struct {
	pow.Header
	Status           uint8
	HasBody, HasUndo bool
}

const (
	flagBody = 1 << iota
	flagUndo
	flagsAll = flagBody | flagUndo
)

func (h header) encode() []byte {
	b := make([]byte, 0, pow.HeaderSize+2+sumSize)
	raw := h.Header.Encode()
	b = append(b, raw[:]...)
	var flags byte
	if h.HasBody {
		flags |= flagBody
	}
	if h.HasUndo {
		flags |= flagUndo
	}
	return appendSum(append(b, h.Status, flags))
}

func decodeHeader(b []byte) (h header, ok bool) {
	b, ok = cutSum(b)
	if !ok || len(b) != pow.HeaderSize+2 || b[pow.HeaderSize+1]&^flagsAll != 0 {
		return header{}, false
	}
	raw, err := pow.DecodeHeader(b[:pow.HeaderSize])
	if err != nil {
		return header{}, false
	}
	flags := b[pow.HeaderSize+1]
	return header{
		Header:  raw,
		Status:  b[pow.HeaderSize],
		HasBody: flags&flagBody != 0,
		HasUndo: flags&flagUndo != 0,
	}, true
}

// link is a value of the space chain: a block of the active chain.
type link struct {
	Hash, Digest pow.Hash
}

func (l link) encode() []byte {
	b := make([]byte, 0, 2*hashSize+sumSize)
	return appendSum(append(append(b, l.Hash[:]...), l.Digest[:]...))
}

func decodeLink(b []byte) (l link, ok bool) {
	b, ok = cutSum(b)
	if !ok || len(b) != 2*hashSize {
		return link{}, false
	}
	return link{pow.Hash(b[:hashSize]), pow.Hash(b[hashSize:])}, true
}

func (t Tip) encode() []byte {
	b := make([]byte, 0, 2*hashSize+heightSize+sumSize)
	b = binary.LittleEndian.AppendUint32(append(b, t.Hash[:]...), t.Height)
	return appendSum(append(b, t.Digest[:]...))
}

func decodeTip(b []byte) (t Tip, ok bool) {
	b, ok = cutSum(b)
	if !ok || len(b) != 2*hashSize+heightSize {
		return Tip{}, false
	}
	return Tip{
		Hash:   pow.Hash(b[:hashSize]),
		Height: binary.LittleEndian.Uint32(b[hashSize:]),
		Digest: pow.Hash(b[hashSize+heightSize:]),
	}, true
}

// encodeHeight returns a value of the space heights.
func encodeHeight(height uint32) []byte {
	return appendSum(binary.LittleEndian.AppendUint32(nil, height))
}

func decodeHeight(b []byte) (uint32, bool) {
	b, ok := cutSum(b)
	if !ok || len(b) != heightSize {
		return 0, false
	}
	return binary.LittleEndian.Uint32(b), true
}

// placeSize is the length of a value of the space records.
const placeSize = 8 + sumSize

// encode writes the value into b, so that thousands of them need no allocation.
func (p Place) encode(b *[placeSize]byte) {
	binary.LittleEndian.PutUint32(b[0:], p.Height)
	binary.LittleEndian.PutUint32(b[4:], p.Index)
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b[:8], castagnoli))
}

func decodePlace(b []byte) (Place, bool) {
	b, ok := cutSum(b)
	if !ok || len(b) != 8 {
		return Place{}, false
	}
	return Place{binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])}, true
}

// headerEntry decodes and checks an entry of the space headers; the key is
// without its first byte, as in the functions below.
func headerEntry(key, value []byte) (header, uint32, error) {
	height, hash, ok := cutBlockKey(key)
	if !ok {
		return header{}, 0, damaged(NoHeight, headers.name(), "key of %d bytes", len(key))
	}
	h, ok := decodeHeader(value)
	if !ok {
		return header{}, 0, damaged(int64(height), headers.name(), "wrong checksum")
	}
	if h.Hash() != hash {
		return header{}, 0, damaged(int64(height), headers.name(), "it is not the header of %s", hash)
	}
	return h, height, nil
}

// linkEntry decodes an entry of the space chain.
func linkEntry(key, value []byte) (uint32, link, error) {
	if len(key) != heightSize {
		return 0, link{}, damaged(NoHeight, chain.name(), "key of %d bytes", len(key))
	}
	height := binary.BigEndian.Uint32(key)
	l, ok := decodeLink(value)
	if !ok {
		return 0, link{}, damaged(int64(height), chain.name(), "wrong checksum")
	}
	return height, l, nil
}

// placeEntry decodes an entry of the space records.
func placeEntry(key, value []byte) (pow.Hash, Place, error) {
	p, ok := decodePlace(value)
	if !ok || len(key) != hashSize {
		return pow.Hash{}, Place{}, damaged(NoHeight, records.name(), "wrong checksum of record %x", key)
	}
	return pow.Hash(key), p, nil
}

// poolEntry checks an entry of the space pool.
func poolEntry(key, value []byte) (pow.Hash, []byte, error) {
	raw, ok := cutSum(value)
	if !ok || len(key) != hashSize {
		return pow.Hash{}, nil, damaged(NoHeight, pool.name(), "wrong checksum of record %x", key)
	}
	return pow.Hash(key), raw, nil
}
