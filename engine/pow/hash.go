package pow

import (
	"encoding/hex"
	"slices"

	sha256 "github.com/minio/sha256-simd"
)

// Hash is a double SHA-256 value in internal byte order: the order in which
// SHA-256 returns it and in which a header has it. As a number it is
// little-endian.
type Hash [32]byte

// Sum returns SHA-256(SHA-256(b)).
func Sum(b []byte) Hash {
	first := sha256.Sum256(b)
	return sha256.Sum256(first[:])
}

// ParseHash reads 64 hex digits in display order, the reverse of the internal
// order. Errors: [ErrHex], [ErrLength].
func ParseHash(display string) (Hash, error) {
	var h Hash
	if err := decodeHex("hash", display, h[:]); err != nil {
		return Hash{}, err
	}
	slices.Reverse(h[:])
	return h, nil
}

// String returns the hash in display order: 64 hex digits, so that a hash that
// meets a low target begins with zeros.
func (h Hash) String() string {
	slices.Reverse(h[:])
	return hex.EncodeToString(h[:])
}

// MarshalText returns the display order, as [Hash.String].
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads the display order, as [ParseHash].
func (h *Hash) UnmarshalText(text []byte) (err error) {
	*h, err = ParseHash(string(text))
	return err
}
