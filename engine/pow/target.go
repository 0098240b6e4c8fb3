package pow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
)

// Target is an unsigned 256-bit number in little-endian limbs: t[3] is the most
// significant. A hash meets a target if, read as a little-endian number, it is at
// most the target.
type Target [4]uint64

// MaxTarget is 2^256-1, which every hash meets.
var MaxTarget = Target{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}

// ZeroBits returns the target that exactly the hashes with at least n leading zero
// bits meet, 2^(256-n)-1, for n from 0 to 256.
func ZeroBits(n int) Target {
	t := MaxTarget
	for i := range n {
		t[3-i/64] &^= 1 << (63 - i%64)
	}
	return t
}

// ErrTargetRange means that a number is not a target: below 0 or above 2^256-1.
var ErrTargetRange = errors.New("target out of range")

// TargetFromBig returns n as a target, or [ErrTargetRange].
func TargetFromBig(n *big.Int) (Target, error) {
	if n.Sign() < 0 {
		return Target{}, fmt.Errorf("%w: negative", ErrTargetRange)
	}
	if n.BitLen() > 256 {
		return Target{}, fmt.Errorf("%w: %d bits, at most 256", ErrTargetRange, n.BitLen())
	}
	return limbsOf(n), nil
}

// ParseTarget reads 1 to 64 hex digits, most significant first; missing digits
// are leading zeros. Errors: [ErrHex], [ErrLength].
func ParseTarget(hex string) (Target, error) {
	if err := checkHex("target", hex); err != nil {
		return Target{}, err
	}
	if len(hex) == 0 || len(hex) > 64 {
		return Target{}, fmt.Errorf("target: %w: got %d hex digits, want 1 to 64", ErrLength, len(hex))
	}
	n, _ := new(big.Int).SetString(hex, 16) // cannot fail after these checks
	return limbsOf(n), nil
}

// Big returns t as a big integer.
func (t Target) Big() *big.Int { return bigOf(t) }

// Cmp returns -1, 0 or 1 as t is less than, equal to or greater than u.
func (t Target) Cmp(u Target) int { return cmpLimbs(t, u) }

// String returns 64 hex digits, most significant first.
func (t Target) String() string { return hexOf(t) }

// Top32 returns the most significant 32 bits of t. A hash whose own top 32 bits
// are greater cannot meet t, which is the first test of kernels.
func (t Target) Top32() uint32 { return uint32(t[3] >> 32) }

// MetBy reports whether h, as a little-endian number, is at most t.
func (t Target) MetBy(h Hash) bool {
	// The top limb decides for nearly every hash.
	if top := binary.LittleEndian.Uint64(h[24:]); top != t[3] {
		return top < t[3]
	}
	return cmpLimbs(h.limbs(), t) <= 0
}

// Bytes returns t as 32 bytes in the byte order of a [Hash]: little-endian.
// That is the form in which kernels take a target.
func (t Target) Bytes() (b [32]byte) {
	for i, limb := range t {
		binary.LittleEndian.PutUint64(b[8*i:], limb)
	}
	return b
}

// bitLen returns the length of t in bits; 0 for zero.
func (t Target) bitLen() int { return bitLen(t) }

// limbs returns h as a number.
func (h Hash) limbs() [4]uint64 {
	return [4]uint64{
		binary.LittleEndian.Uint64(h[0:]),
		binary.LittleEndian.Uint64(h[8:]),
		binary.LittleEndian.Uint64(h[16:]),
		binary.LittleEndian.Uint64(h[24:]),
	}
}
