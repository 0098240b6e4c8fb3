package pow

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// HeaderSize is the length of an encoded header in bytes.
const HeaderSize = 80

// Offsets of the header's fields in its encoding, in bytes.
const (
	offVersion    = 0
	offPrev       = 4
	offMerkleRoot = 36
	offTime       = 68
	offBits       = 72
	offNonce      = 76
)

var (
	// ErrTargetAboveLimit means that nBits encodes an easier target than the chain
	// allows.
	ErrTargetAboveLimit = errors.New("target above the proof-of-work limit")
	// ErrHighHash means that the hash of a header is above its target.
	ErrHighHash = errors.New("hash above target")
)

// Header is a block header. Its encoding is 80 bytes: the fields in this
// order, all integers little-endian.
type Header struct {
	Version    uint32 // signed in Bitcoin Core; here only its bits matter
	Prev       Hash   // hash of the parent header
	MerkleRoot Hash   // root of the transaction ids
	Time       uint32 // seconds since 1970, UTC
	Bits       Bits   // compact form of the target
	Nonce      uint32
}

// DecodeHeader reads an encoded header. Any 80 bytes are a header; any other
// length is [ErrLength].
func DecodeHeader(b []byte) (Header, error) {
	if len(b) != HeaderSize {
		return Header{}, fmt.Errorf("header: %w: got %d bytes, want %d", ErrLength, len(b), HeaderSize)
	}
	return Header{
		Version:    binary.LittleEndian.Uint32(b[offVersion:]),
		Prev:       Hash(b[offPrev:offMerkleRoot]),
		MerkleRoot: Hash(b[offMerkleRoot:offTime]),
		Time:       binary.LittleEndian.Uint32(b[offTime:]),
		Bits:       Bits(binary.LittleEndian.Uint32(b[offBits:])),
		Nonce:      binary.LittleEndian.Uint32(b[offNonce:]),
	}, nil
}

// ParseHeader reads an encoded header from 160 hex digits.
// Errors: [ErrHex], [ErrLength].
func ParseHeader(hex string) (Header, error) {
	var b [HeaderSize]byte
	if err := decodeHex("header", hex, b[:]); err != nil {
		return Header{}, err
	}
	return DecodeHeader(b[:])
}

// Encode returns the 80 bytes that are hashed and transmitted.
func (h Header) Encode() [HeaderSize]byte {
	var b [HeaderSize]byte
	binary.LittleEndian.PutUint32(b[offVersion:], h.Version)
	copy(b[offPrev:], h.Prev[:])
	copy(b[offMerkleRoot:], h.MerkleRoot[:])
	binary.LittleEndian.PutUint32(b[offTime:], h.Time)
	binary.LittleEndian.PutUint32(b[offBits:], uint32(h.Bits))
	binary.LittleEndian.PutUint32(b[offNonce:], h.Nonce)
	return b
}

// Hash returns the double SHA-256 of the encoded header.
func (h Header) Hash() Hash {
	b := h.Encode()
	return Sum(b[:])
}

// CheckProofOfWork checks that the target of h.Bits is a number from 1 to
// limit and that the hash of the header is at most that target. Errors: those
// of [Bits.Target], [ErrTargetAboveLimit], [ErrHighHash].
func (h Header) CheckProofOfWork(limit Target) error {
	target, err := h.Bits.Target()
	if err != nil {
		return err
	}
	if target.Cmp(limit) > 0 {
		return fmt.Errorf("%w: nBits %v is %v, limit %v", ErrTargetAboveLimit, h.Bits, target, limit)
	}
	if hash := h.Hash(); !target.MetBy(hash) {
		return fmt.Errorf("%w: hash %v, target %v", ErrHighHash, hash, target)
	}
	return nil
}

// SetNonce writes the nonce into an encoded header, little-endian at byte 76.
func SetNonce(header *[HeaderSize]byte, nonce uint32) {
	binary.LittleEndian.PutUint32(header[offNonce:], nonce)
}
