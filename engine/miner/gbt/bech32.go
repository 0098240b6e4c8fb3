package gbt

import (
	"errors"
	"strings"
)

// The remainder of the checksum of a bech32 string, by its encoding.
const (
	bech32  = 1          // BIP 173
	bech32m = 0x2bc830a3 // BIP 350
)

const bech32Letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

// decodeBech32 decodes a string of BIP 173 or BIP 350. It returns its prefix in lower
// case, its values of 5 bits without the checksum, and which encoding it has.
func decodeBech32(s string) (prefix string, values []byte, encoding uint32, err error) {
	if len(s) > 90 {
		return "", nil, 0, errors.New("more than 90 characters")
	}
	for _, c := range []byte(s) {
		if c < '!' || c > '~' {
			return "", nil, 0, errors.New("invalid character")
		}
	}
	small := strings.ToLower(s)
	if s != small && s != strings.ToUpper(s) {
		return "", nil, 0, errors.New("mixed upper and lower case")
	}
	one := strings.LastIndexByte(small, '1')
	if one < 1 || len(s)-one-1 < 6 {
		return "", nil, 0, errors.New("too short, or no 1 after the prefix")
	}
	prefix = small[:one]
	sum := uint32(1)
	for _, c := range []byte(prefix) {
		sum = bech32Step(sum, c>>5)
	}
	sum = bech32Step(sum, 0)
	for _, c := range []byte(prefix) {
		sum = bech32Step(sum, c&31)
	}
	for _, c := range []byte(small[one+1:]) {
		v := strings.IndexByte(bech32Letters, c)
		if v < 0 {
			return "", nil, 0, errors.New("invalid character")
		}
		sum = bech32Step(sum, byte(v))
		values = append(values, byte(v))
	}
	if sum != bech32 && sum != bech32m {
		return "", nil, 0, errors.New("wrong checksum: a letter may be mistyped")
	}
	return prefix, values[:len(values)-6], sum, nil
}

// bech32Step adds one more value to the checksum, a remainder of polynomials over
// GF(32).
func bech32Step(sum uint32, value byte) uint32 {
	top := sum >> 25
	sum = sum&0x1ffffff<<5 ^ uint32(value)
	for i, g := range [...]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
		if top>>i&1 == 1 {
			sum ^= g
		}
	}
	return sum
}

// bytesOf5 joins values of 5 bits into bytes. The bits that are left over must be 0
// and fewer than 5.
func bytesOf5(values []byte) ([]byte, error) {
	var out []byte
	held, bits := uint32(0), 0
	for _, v := range values {
		held = held<<5 | uint32(v)
		if bits += 5; bits >= 8 {
			bits -= 8
			out = append(out, byte(held>>bits))
			held &= 1<<bits - 1
		}
	}
	if bits >= 5 || held != 0 {
		return nil, errors.New("wrong padding")
	}
	return out, nil
}
