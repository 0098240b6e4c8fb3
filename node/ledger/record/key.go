package record

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"

	"stele/engine/pow"
)

// Key is an Ed25519 public key (RFC 8032), as it is encoded.
type Key [ed25519.PublicKeySize]byte

// Signature is an Ed25519 signature. The zero value stands for one that is
// still missing; it is never valid.
type Signature [ed25519.SignatureSize]byte

// PrivateKey is an Ed25519 signing key. It never goes into a record, an error
// or a log.
type PrivateKey = ed25519.PrivateKey

// checksumSize is the number of bytes of the double SHA-256 of a key that its text
// ends with, so that a mistyped key is noticed.
const checksumSize = 4

// NewKey makes a signing key from 32 bytes of random. If that is nil, they come from
// the operating system.
func NewKey(random io.Reader) (PrivateKey, error) {
	if random == nil {
		random = rand.Reader
	}
	var seed [ed25519.SeedSize]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return nil, fmt.Errorf("new key: %w", err)
	}
	return KeyFromSeed(seed), nil
}

// KeyFromSeed returns the signing key that RFC 8032 derives from a secret of 32
// bytes.
func KeyFromSeed(seed [32]byte) PrivateKey { return ed25519.NewKeyFromSeed(seed[:]) }

// PublicOf returns the public key of a signing key.
func PublicOf(key PrivateKey) Key { return Key(key.Public().(ed25519.PublicKey)) }

// String returns 72 hex digits: the key and a checksum of 4 bytes.
func (k Key) String() string {
	sum := pow.Sum(k[:])
	return hex.EncodeToString(append(k[:], sum[:checksumSize]...))
}

// ParseKey reads the 72 hex digits of [Key.String].
func ParseKey(text string) (Key, error) {
	var b [len(Key{}) + checksumSize]byte
	if len(text) != hex.EncodedLen(len(b)) {
		return Key{}, fmt.Errorf("key: %d characters, want %d hex digits", len(text), hex.EncodedLen(len(b)))
	}
	if _, err := hex.Decode(b[:], []byte(text)); err != nil {
		return Key{}, fmt.Errorf("key %q: not hexadecimal", text)
	}
	k := Key(b[:len(Key{})])
	if sum := pow.Sum(k[:]); string(sum[:checksumSize]) != string(b[len(k):]) {
		return Key{}, fmt.Errorf("key %q: its checksum (the last %d digits) is wrong, a digit may be mistyped", text, 2*checksumSize)
	}
	return k, nil
}

// MarshalText returns String.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what [ParseKey] reads.
func (k *Key) UnmarshalText(text []byte) (err error) {
	*k, err = ParseKey(string(text))
	return err
}

// weakKeys are the encodings of the points of small order, canonical or not.
// The zero signature is valid for them over some, or even all, messages. See
// Chalkias, Garillot, Nikolaenko: Taming the many EdDSAs (2020), section 5.
var weakKeys = func() map[Key]bool {
	m := map[Key]bool{}
	for _, text := range []string{
		"0100000000000000000000000000000000000000000000000000000000000000", // order 1
		"0100000000000000000000000000000000000000000000000000000000000080", // order 1, not canonical
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 1, not canonical
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", // order 1, not canonical
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 2
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", // order 2, not canonical
		"0000000000000000000000000000000000000000000000000000000000000000", // order 4
		"0000000000000000000000000000000000000000000000000000000000000080", // order 4
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 4, not canonical
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", // order 4, not canonical
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85", // order 8
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", // order 8
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa", // order 8
	} {
		b, err := hex.DecodeString(text)
		if err != nil {
			panic(err)
		}
		m[Key(b)] = true
	}
	return m
}()

// Weak reports whether k is a point of small order: anybody can sign for it.
func (k Key) Weak() bool { return weakKeys[k] }

// MarshalText returns 128 hex digits, or nothing for a missing signature.
func (s Signature) MarshalText() ([]byte, error) {
	if s == (Signature{}) {
		return nil, nil
	}
	return hex.AppendEncode(nil, s[:]), nil
}

// UnmarshalText reads 128 hex digits, or nothing for a missing signature.
func (s *Signature) UnmarshalText(text []byte) error {
	*s = Signature{}
	if len(text) == 0 {
		return nil
	}
	return decodeHex("signature", text, s[:])
}

// decodeHex reads exactly len(to) bytes.
func decodeHex(what string, text, to []byte) error {
	if len(text) != hex.EncodedLen(len(to)) {
		return fmt.Errorf("%s: %d characters, want %d hex digits", what, len(text), hex.EncodedLen(len(to)))
	}
	if _, err := hex.Decode(to, text); err != nil {
		return fmt.Errorf("%s: not hexadecimal", what)
	}
	return nil
}
