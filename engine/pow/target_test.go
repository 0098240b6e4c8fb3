package pow_test

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

func TestParseTarget(t *testing.T) {
	for _, c := range []struct {
		text string
		want pow.Target
	}{
		{"0", pow.Target{}},
		{"1", pow.Target{1}},
		{"00000000000000001", pow.Target{1}},
		{"FfFf", pow.Target{0xffff}},
		{"123456789abcdef01", pow.Target{0x23456789abcdef01, 1}},
		{"4000000000000000300000000000000020000000000000001", pow.Target{1, 2, 3, 4}},
		{strings.Repeat("f", 64), pow.MaxTarget},
	} {
		got, err := pow.ParseTarget(c.text)
		if err != nil || got != c.want {
			t.Errorf("ParseTarget(%q) = %v, %v; want %v", c.text, got, err, c.want)
		}
	}
}

func TestParseTargetErrors(t *testing.T) {
	for _, c := range []struct {
		text string
		kind error
		want string
	}{
		{"", pow.ErrLength, "target: wrong length: got 0 hex digits, want 1 to 64"},
		{strings.Repeat("0", 65), pow.ErrLength, "target: wrong length: got 65 hex digits, want 1 to 64"},
		{"-1", pow.ErrHex, "target: not hexadecimal: digit 1 is '-'"},
		{"12 34", pow.ErrHex, "target: not hexadecimal: digit 3 is ' '"},
	} {
		_, err := pow.ParseTarget(c.text)
		if !errors.Is(err, c.kind) || err.Error() != c.want {
			t.Errorf("ParseTarget(%q): %v, want %q", c.text, err, c.want)
		}
	}
}

func TestTargetFromBigErrors(t *testing.T) {
	for _, n := range []*big.Int{big.NewInt(-1), power(256)} {
		if got, err := pow.TargetFromBig(n); !errors.Is(err, pow.ErrTargetRange) {
			t.Errorf("TargetFromBig(%v) = %v, %v; want %v", n, got, err, pow.ErrTargetRange)
		}
	}
}

func TestTargetFromBigKeepsItsArgument(t *testing.T) {
	n := new(big.Int).Sub(power(256), big.NewInt(1))
	want := new(big.Int).Set(n)
	if got := must(pow.TargetFromBig(n))(t); got != pow.MaxTarget {
		t.Errorf("target of 2^256-1 is %v", got)
	}
	if n.Cmp(want) != 0 {
		t.Errorf("TargetFromBig changed its argument to %v", n)
	}
}

func TestTargetRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		target := anyTarget().Draw(t, "target")
		if got, err := pow.TargetFromBig(target.Big()); err != nil || got != target {
			t.Fatalf("through a big.Int %v became %v, %v", target, got, err)
		}
		if got, err := pow.ParseTarget(target.String()); err != nil || got != target {
			t.Fatalf("through its text %v became %v, %v", target, got, err)
		}
		if got, err := pow.ParseTarget(target.Big().Text(16)); err != nil || got != target {
			t.Fatalf("through short text %v became %v, %v", target, got, err)
		}
		if got := pow.Hash(target.Bytes()); got.String() != target.String() {
			t.Fatalf("the bytes of %v are those of %v", target, got)
		}
		if got := target.Top32(); uint64(got) != new(big.Int).Rsh(target.Big(), 224).Uint64() {
			t.Fatalf("top 32 bits of %v are %08x", target, got)
		}
	})
}

func TestTargetCmpAgreesWithBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := anyTarget().Draw(t, "a")
		b := anyTarget().Draw(t, "b")
		if rapid.Bool().Draw(t, "near") { // differ in one limb at most
			i := rapid.IntRange(0, 3).Draw(t, "limb")
			near := a
			near[i] = b[i]
			b = near
		}
		if got, want := a.Cmp(b), a.Big().Cmp(b.Big()); got != want {
			t.Fatalf("%v.Cmp(%v) = %d, want %d", a, b, got, want)
		}
	})
}

func TestMetByAgreesWithBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := anyHash().Draw(t, "hash")
		target := anyTarget().Draw(t, "target")
		if rapid.Bool().Draw(t, "near") { // differ in one limb at most
			i := rapid.IntRange(0, 3).Draw(t, "limb")
			own, err := pow.ParseTarget(h.String())
			if err != nil {
				t.Fatal(err)
			}
			own[i] = target[i]
			target = own
		}
		if got, want := target.MetBy(h), number(h).Cmp(target.Big()) <= 0; got != want {
			t.Fatalf("%v.MetBy(%v) = %v", target, h, got)
		}
	})
}

func TestMetByBorders(t *testing.T) {
	for limb := range 4 {
		target := pow.Target{7, 7, 7, 7}
		for _, c := range []struct {
			value uint64
			want  bool
		}{{6, true}, {7, true}, {8, false}} {
			n := target
			n[limb] = c.value
			if got := target.MetBy(mustHash(t, n.String())); got != c.want {
				t.Errorf("limb %d is %d, target 7: MetBy = %v, want %v", limb, c.value, got, c.want)
			}
		}
	}
	highest := mustHash(t, strings.Repeat("f", 64))
	if !pow.MaxTarget.MetBy(highest) {
		t.Error("2^256-1 does not meet MaxTarget")
	}
	if !(pow.Target{}).MetBy(pow.Hash{}) {
		t.Error("the zero hash does not meet the zero target")
	}
	if (pow.Target{}).MetBy(pow.Hash{1}) {
		t.Error("hash 1 meets the zero target")
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{"0", "1", "00000000ffff" + strings.Repeat("0", 52), strings.Repeat("F", 64), strings.Repeat("f", 65), "0x1", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		target, err := pow.ParseTarget(text)
		if (err == nil) != (0 < len(text) && len(text) <= 64 && onlyHex(text)) {
			t.Fatalf("ParseTarget(%q): %v", text, err)
		}
		if err != nil {
			return
		}
		want, _ := new(big.Int).SetString(text, 16)
		if target.Big().Cmp(want) != 0 {
			t.Errorf("ParseTarget(%q) = %v, want %064x", text, target, want)
		}
	})
}

func TestZeroBits(t *testing.T) {
	for n := range 257 {
		want := new(big.Int).Lsh(big.NewInt(1), uint(256-n))
		want.Sub(want, big.NewInt(1))
		if got := pow.ZeroBits(n).Big(); got.Cmp(want) != 0 {
			t.Errorf("%d zero bits: target %x, want %x", n, got, want)
		}
	}
}
