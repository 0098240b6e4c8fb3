package pow_test

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

// The table of arith_uint256_tests.cpp in Bitcoin Core, and the borders of the
// overflow rules.
func TestBitsTarget(t *testing.T) {
	for _, c := range []struct {
		bits  pow.Bits
		hex   string // the target
		again pow.Bits
		err   error
	}{
		{bits: 0x00000000, err: pow.ErrBitsZero},
		{bits: 0x00123456, err: pow.ErrBitsZero},
		{bits: 0x01003456, err: pow.ErrBitsZero},
		{bits: 0x02000056, err: pow.ErrBitsZero},
		{bits: 0x03000000, err: pow.ErrBitsZero},
		{bits: 0x04000000, err: pow.ErrBitsZero},
		{bits: 0x00923456, err: pow.ErrBitsZero}, // minus zero is zero
		{bits: 0x01803456, err: pow.ErrBitsZero},
		{bits: 0x02800056, err: pow.ErrBitsZero},
		{bits: 0x03800000, err: pow.ErrBitsZero},
		{bits: 0x04800000, err: pow.ErrBitsZero},
		{bits: 0xff000000, err: pow.ErrBitsZero}, // zero cannot overflow
		{bits: 0xff800000, err: pow.ErrBitsZero},
		{bits: 0x01123456, hex: "12", again: 0x01120000},
		{bits: 0x02008000, hex: "80", again: 0x02008000},
		{bits: 0x01fedcba, err: pow.ErrBitsNegative},
		{bits: 0x02123456, hex: "1234", again: 0x02123400},
		{bits: 0x03123456, hex: "123456", again: 0x03123456},
		{bits: 0x04123456, hex: "12345600", again: 0x04123456},
		{bits: 0x04923456, err: pow.ErrBitsNegative},
		{bits: 0x05009234, hex: "92340000", again: 0x05009234},
		{bits: 0x20123456, hex: "123456" + strings.Repeat("0", 58), again: 0x20123456},
		{bits: 0xff123456, err: pow.ErrBitsOverflow},
		{bits: 0xff923456, err: pow.ErrBitsNegative}, // both; the sign is reported

		{bits: 0x1d00ffff, hex: "ffff" + strings.Repeat("0", 52), again: 0x1d00ffff},
		{bits: 0x1a44b9f2, hex: "44b9f2" + strings.Repeat("0", 46), again: 0x1a44b9f2},
		{bits: 0x207fffff, hex: "7fffff" + strings.Repeat("0", 58), again: 0x207fffff},
		{bits: 0x04000001, hex: "100", again: 0x02010000},
		{bits: 0x03000001, hex: "1", again: 0x01010000},
		{bits: 0x2100ffff, hex: "ffff" + strings.Repeat("0", 60), again: 0x2100ffff},
		{bits: 0x21010000, err: pow.ErrBitsOverflow},
		{bits: 0x220000ff, hex: "ff" + strings.Repeat("0", 62), again: 0x2100ff00},
		{bits: 0x22000100, err: pow.ErrBitsOverflow},
		{bits: 0x23000001, err: pow.ErrBitsOverflow},
	} {
		target, err := c.bits.Target()
		if !errors.Is(err, c.err) {
			t.Errorf("%v: error %v, want %v", c.bits, err, c.err)
			continue
		}
		if err != nil {
			if want := c.err.Error() + ": " + c.bits.String(); err.Error() != want {
				t.Errorf("%v: error %q, want %q", c.bits, err, want)
			}
			continue
		}
		if want := mustTarget(t, c.hex); target != want {
			t.Errorf("%v: target %v, want %v", c.bits, target, want)
		}
		if got := target.Bits(); got != c.again {
			t.Errorf("%v: target %v back to nBits is %v, want %v", c.bits, target, got, c.again)
		}
	}
}

func TestTargetBits(t *testing.T) {
	for _, c := range []struct {
		hex  string
		want pow.Bits
	}{
		{"0", 0},
		{"1", 0x01010000},
		{"7f", 0x017f0000},
		{"80", 0x02008000},
		{"ffff", 0x0300ffff},
		{"7fffff", 0x037fffff},
		{"800000", 0x04008000},
		{"ffffff", 0x0400ffff},
		{strings.Repeat("f", 56), 0x1d00ffff}, // Bitcoin's limit
		{strings.Repeat("f", 64), 0x2100ffff},
		{"7" + strings.Repeat("f", 63), 0x207fffff},
	} {
		if got := mustTarget(t, c.hex).Bits(); got != c.want {
			t.Errorf("nBits of %s are %v, want %v", c.hex, got, c.want)
		}
	}
}

// setCompact is SetCompact by big integers: mantissa * 256^(size-3).
func setCompact(b pow.Bits) (n *big.Int, err error) {
	n = big.NewInt(int64(b & 0x7fffff))
	if size := uint(b >> 24); size >= 3 {
		n.Lsh(n, 8*(size-3))
	} else {
		n.Rsh(n, 8*(3-size))
	}
	switch {
	case n.Sign() == 0:
		return nil, pow.ErrBitsZero
	case b&0x800000 != 0:
		return nil, pow.ErrBitsNegative
	case n.BitLen() > 256:
		return nil, pow.ErrBitsOverflow
	}
	return n, nil
}

func anyBits() *rapid.Generator[pow.Bits] {
	return rapid.Custom(func(t *rapid.T) pow.Bits {
		size := rapid.OneOf(rapid.Uint32Range(0, 36), rapid.Uint32Range(0, 255)).Draw(t, "size")
		mantissa := rapid.OneOf(rapid.Uint32Range(0, 1<<24-1), rapid.SampledFrom([]uint32{0, 1, 0xff, 0x100, 0xffff, 0x10000, 0x7fffff, 0x800000, 0xffffff})).Draw(t, "mantissa")
		return pow.Bits(size<<24 | mantissa)
	})
}

func TestBitsTargetAgreesWithBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := anyBits().Draw(t, "bits")
		want, wantErr := setCompact(b)
		got, err := b.Target()
		if !errors.Is(err, wantErr) {
			t.Fatalf("%v: error %v, want %v", b, err, wantErr)
		}
		if err == nil && got.Big().Cmp(want) != 0 {
			t.Fatalf("%v: target %v, want %064x", b, got, want)
		}
	})
}

// The compact form of a target is the greatest nBits number that is not above
// it, and loses less than one part in 2^15.
func TestTargetBitsTruncates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		target := anyTarget().Draw(t, "target")
		b := target.Bits()
		if target == (pow.Target{}) {
			if b != 0 {
				t.Fatalf("nBits of zero are %v", b)
			}
			return
		}
		back, err := b.Target()
		if err != nil {
			t.Fatalf("nBits of %v: %v", target, err)
		}
		if back.Cmp(target) > 0 {
			t.Fatalf("target %v became %v, which is above it", target, back)
		}
		lost := new(big.Int).Sub(target.Big(), back.Big())
		if lost.Lsh(lost, 15).Cmp(target.Big()) >= 0 {
			t.Fatalf("target %v became %v, which lost too much", target, back)
		}
		if back.Bits() != b {
			t.Fatalf("nBits %v became %v on a second round", b, back.Bits())
		}
	})
}

func TestParseBitsErrors(t *testing.T) {
	for _, c := range []struct {
		text string
		kind error
		want string
	}{
		{"", pow.ErrLength, "nBits: wrong length: got 0 bytes (0 hex digits), want 4 (8)"},
		{"1d00fff", pow.ErrLength, "nBits: wrong length: got an odd number of hex digits, 7, want 8"},
		{"0x1d00ffff", pow.ErrHex, "nBits: not hexadecimal: digit 2 is 'x'"},
	} {
		_, err := pow.ParseBits(c.text)
		if !errors.Is(err, c.kind) || err.Error() != c.want {
			t.Errorf("ParseBits(%q): %v, want %q", c.text, err, c.want)
		}
	}
}

func FuzzParseBits(f *testing.F) {
	for _, seed := range []string{"1d00ffff", "1D00FFFF", "00000000", "ff923456", "220000ff", "1d00fff", "1d00fffg"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := pow.ParseBits(text)
		if (err == nil) != (len(text) == 8 && onlyHex(text)) {
			t.Fatalf("ParseBits(%q): %v", text, err)
		}
		if err != nil {
			return
		}
		if b.String() != strings.ToLower(text) {
			t.Errorf("ParseBits(%q) = %v", text, b)
		}
		want, wantErr := setCompact(b)
		got, err := b.Target()
		if !errors.Is(err, wantErr) || err == nil && got.Big().Cmp(want) != 0 {
			t.Errorf("%v: target %v, %v; want %064x, %v", b, got, err, want, wantErr)
		}
	})
}
