package epcis

import (
	"encoding/base64"
	"math/big"
	"slices"

	"stele/node/ledger/record"
)

// Name returns the URI of a record: its id as an ni URI (RFC 6920). An id is the SHA-256
// of the SHA-256 of the record's body; the URI has its bytes in the order of SHA-256, not
// in that of display.
func Name(id record.ID) string {
	return "ni:///sha-256;" + base64.RawURLEncoding.EncodeToString(id[:])
}

// Party returns the URI of who has a key: the did:key of an Ed25519 key (W3C CCG, The
// did:key Method).
func Party(key record.Key) string {
	return "did:key:z" + base58(append([]byte{0xed, 0x01}, key[:]...))
}

const base58Digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// base58 returns bytes, of which the first is not 0, as a number in base 58.
func base58(b []byte) string {
	var digits []byte
	n, base, rest := new(big.Int).SetBytes(b), big.NewInt(58), new(big.Int)
	for n.Sign() > 0 {
		n.QuoRem(n, base, rest)
		digits = append(digits, base58Digits[rest.Int64()])
	}
	slices.Reverse(digits)
	return string(digits)
}
