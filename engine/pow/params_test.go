package pow_test

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

func TestBitcoinParams(t *testing.T) {
	p := pow.Bitcoin
	if p.PowLimit.String() != "00000000"+strings.Repeat("f", 56) || p.PowLimitBits != p.PowLimit.Bits() {
		t.Errorf("limit is %v, nBits %v", p.PowLimit, p.PowLimitBits)
	}
	if p.TargetSpacing != 600 || p.TargetTimespan != 1209600 || p.RetargetInterval*p.TargetSpacing != p.TargetTimespan {
		t.Errorf("spacing %d, timespan %d, interval %d", p.TargetSpacing, p.TargetTimespan, p.RetargetInterval)
	}
}

// The heights are the last blocks of real periods, as in pow_tests.cpp of
// Bitcoin Core.
func TestRetarget(t *testing.T) {
	const fortnight = 14 * 24 * 60 * 60
	for _, c := range []struct {
		name        string
		bits        pow.Bits
		first, last uint32
		want        pow.Bits
	}{
		{"32255", 0x1d00ffff, 1261130161, 1262152739, 0x1d00d86a},
		{"2015, held by the limit", 0x1d00ffff, 1231006505, 1233061996, 0x1d00ffff},
		{"68543, a quarter at least", 0x1c05a3f4, 1279008237, 1279297671, 0x1c0168fd},
		{"46367, four times at most", 0x1c387f6f, 1263163443, 1269211443, 0x1d00e1fd},
		{"on time", 0x1b0404cb, 1000, 1000 + fortnight, 0x1b0404cb},
		{"backwards is a quarter", 0x1b0404cb, 1000, 0, 0x1b010132},
		{"no time is a quarter", 0x1b0404cb, 1000, 1000, 0x1b010132},
		{"a quarter exactly", 0x1b0404cb, 0, fortnight / 4, 0x1b010132},
		{"all of time is four times", 0x1b0404cb, 0, 1<<32 - 1, 0x1b10132c},
	} {
		got, err := pow.Bitcoin.Retarget(c.bits, c.first, c.last)
		if err != nil || got != c.want {
			t.Errorf("%s: %v, %v; want %v", c.name, got, err, c.want)
		}
	}
}

func TestRetargetBadBits(t *testing.T) {
	for bits, want := range map[pow.Bits]error{
		0x1d80ffff: pow.ErrBitsNegative,
		0xff00ffff: pow.ErrBitsOverflow,
		0x1d000000: pow.ErrBitsZero,
	} {
		if _, err := pow.Bitcoin.Retarget(bits, 0, 1209600); !errors.Is(err, want) {
			t.Errorf("%v: %v, want %v", bits, err, want)
		}
	}
}

// A chain whose limit is near 2^256 must not lose the top of the product.
func TestRetargetNearTheTop(t *testing.T) {
	easy := *pow.Bitcoin
	easy.PowLimit, easy.PowLimitBits = mustTarget(t, "7fffff"+strings.Repeat("0", 58)), 0x207fffff
	for _, c := range []struct {
		took uint32
		want pow.Bits
	}{
		{easy.TargetTimespan, 0x207fffff},
		{easy.TargetTimespan * 4, 0x207fffff},
		{easy.TargetTimespan / 2, 0x203fffff},
	} {
		if got, err := easy.Retarget(0x207fffff, 0, c.took); err != nil || got != c.want {
			t.Errorf("%d seconds: %v, %v; want %v", c.took, got, err, c.want)
		}
	}
}

func TestRetargetStaysInBounds(t *testing.T) {
	limit := pow.Bitcoin.PowLimit
	rapid.Check(t, func(t *rapid.T) {
		bits := anyTarget().Filter(func(x pow.Target) bool { return x.Cmp(limit) <= 0 && x != pow.Target{} }).Draw(t, "target").Bits()
		old, err := bits.Target()
		if err != nil {
			t.Fatal(err)
		}
		got, err := pow.Bitcoin.Retarget(bits, rapid.Uint32().Draw(t, "first"), rapid.Uint32().Draw(t, "last"))
		if err != nil {
			t.Fatal(err)
		}
		if old.Cmp(pow.Target{4}) < 0 {
			return // a quarter of it is zero
		}
		next, err := got.Target()
		if err != nil {
			t.Fatalf("%v became %v: %v", bits, got, err)
		}
		if next.Cmp(limit) > 0 || next.Big().Cmp(new(big.Int).Lsh(old.Big(), 2)) > 0 {
			t.Fatalf("%v became %v, too easy", bits, got)
		}
		quarter, err := pow.TargetFromBig(new(big.Int).Rsh(old.Big(), 2))
		if err != nil {
			t.Fatal(err)
		}
		if lowest, err := quarter.Bits().Target(); err != nil || next.Cmp(lowest) < 0 {
			t.Fatalf("%v became %v, too hard", bits, got)
		}
	})
}
