package pow

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Bits is the compact form of a target, the header's nBits: a floating-point
// number of base 256. The top byte is the size of the number in bytes, the low
// 23 bits are its first three bytes, and bit 23 (0x00800000) is a sign.
type Bits uint32

// Errors of nBits. The rules are those of SetCompact in Bitcoin Core
// (arith_uint256.cpp).
var (
	// ErrBitsNegative means that the sign bit is set.
	ErrBitsNegative = errors.New("nBits is negative")
	// ErrBitsOverflow means that the number has more than 256 bits.
	ErrBitsOverflow = errors.New("nBits is more than 256 bits")
	// ErrBitsZero means that the number is zero, which no hash can meet.
	ErrBitsZero = errors.New("nBits is zero")
)

const (
	bitsSign     = 0x00800000
	bitsMantissa = 0x007fffff
)

// ParseBits reads 8 hex digits, most significant first: 1d00ffff is the easiest
// target of Bitcoin. It does not check whether the number is a target; that is
// left to [Bits.Target]. Errors: [ErrHex], [ErrLength].
func ParseBits(hex string) (Bits, error) {
	var b [4]byte
	if err := decodeHex("nBits", hex, b[:]); err != nil {
		return 0, err
	}
	return Bits(binary.BigEndian.Uint32(b[:])), nil
}

// String returns 8 hex digits.
func (b Bits) String() string {
	return fmt.Sprintf("%08x", uint32(b))
}

// Target returns the target that b encodes, at least 1. It takes some ten
// nanoseconds; a loop over headers can keep the target while nBits stays the
// same. Errors: [ErrBitsNegative], [ErrBitsOverflow], [ErrBitsZero].
func (b Bits) Target() (t Target, err error) {
	size := uint32(b >> 24)
	mantissa := uint32(b & bitsMantissa)
	if size < 3 {
		mantissa >>= 8 * (3 - size)
		size = 3
	}
	switch {
	case mantissa == 0:
		return Target{}, &bitsError{ErrBitsZero, b}
	case b&bitsSign != 0:
		return Target{}, &bitsError{ErrBitsNegative, b}
	case size > 34 || size > 33 && mantissa > 0xff || size > 32 && mantissa > 0xffff:
		return Target{}, &bitsError{ErrBitsOverflow, b}
	}
	// The mantissa lies in one limb or across two.
	shift := 8 * (size - 3)
	limb, offset := shift/64, shift%64
	t[limb] = uint64(mantissa) << offset
	if high := uint64(mantissa) >> (64 - offset); high != 0 {
		t[limb+1] = high // limb is 2 at most, since the number fits 256 bits
	}
	return t, nil
}

// bitsError names the invalid nBits. It formats its text only on demand, because
// a batch of headers may have many of them.
type bitsError struct {
	kind error
	bits Bits
}

func (e *bitsError) Error() string { return fmt.Sprintf("%v: %v", e.kind, e.bits) }
func (e *bitsError) Unwrap() error { return e.kind }

// Bits returns the compact form of t. It keeps the first 15 to 23 bits of the
// number and drops the rest, so it is exact only for targets decoded from nBits.
// The compact form of zero is 00000000.
func (t Target) Bits() Bits {
	size := (t.bitLen() + 7) / 8
	var mantissa uint64
	if size <= 3 {
		mantissa = t[0] << (8 * (3 - size))
	} else {
		shift := uint(8 * (size - 3))
		limb, offset := shift/64, shift%64
		mantissa = t[limb] >> offset
		if limb < 3 {
			mantissa |= t[limb+1] << (64 - offset) // nothing when offset is 0
		}
		mantissa &= 0xffffff
	}
	if mantissa&bitsSign != 0 {
		mantissa >>= 8
		size++
	}
	return Bits(size<<24) | Bits(mantissa)
}
