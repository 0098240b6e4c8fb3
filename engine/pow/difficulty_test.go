package pow_test

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

func mustDifficulty(t testing.TB, text string) pow.Difficulty {
	t.Helper()
	return must(pow.ParseDifficulty(text))(t)
}

func TestParseDifficulty(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"1", "1"},
		{"1e-9", "0.000000001"},
		{"1E-9", "0.000000001"},
		{"7.8858", "7.8858"},
		{"1e12", "1000000000000"},
		{"1e+12", "1000000000000"},
		{"1e0000000012", "1000000000000"},
		{"0010.50", "10.5"},
		{"12e-1", "1.2"},
		{".5", "0.5"},
		{"5.", "5"},
		{"0.1", "0.1"}, // no binary fraction
		{"1000e-3", "1"},
		{"9007199254740993", "9007199254740993"}, // no float64
		{"1e99", "1" + strings.Repeat("0", 99)},
		{"1e-100", "0." + strings.Repeat("0", 99) + "1"},
		{strings.Repeat("9", 100) + "." + strings.Repeat("9", 100), strings.Repeat("9", 100) + "." + strings.Repeat("9", 100)},
		{strings.Repeat("0", 200) + "1e1", "10"},
	} {
		d, err := pow.ParseDifficulty(c.text)
		if err != nil || d.String() != c.want {
			t.Errorf("ParseDifficulty(%q) = %v, %v; want %s", c.text, d, err, c.want)
		}
	}
}

func TestParseDifficultyErrors(t *testing.T) {
	const (
		syntax   = "must be a decimal number such as 1e-9, 7.8858 or 1e12"
		positive = "must be above 0"
		large    = "must be below 1e100"
		small    = "must have at most 100 decimals"
	)
	for _, c := range []struct{ text, want string }{
		{"", syntax},
		{".", syntax},
		{"e5", syntax},
		{"1e", syntax},
		{"1e+", syntax},
		{"1e+-1", syntax},
		{"1e-+1", syntax},
		{"1e1.5", syntax},
		{"1.2.3", syntax},
		{"1,5", syntax},
		{"+1", syntax},
		{"--1", syntax},
		{" 1", syntax},
		{"1 ", syntax},
		{"1_000", syntax},
		{"1/3", syntax},
		{"0x10", syntax},
		{"0x1p4", syntax},
		{"NaN", syntax},
		{"nan", syntax},
		{"Inf", syntax},
		{"infinity", syntax},
		{"1e9\x00", syntax},
		{"١", syntax}, // a digit, but not of ASCII
		{"0", positive},
		{"-0", positive},
		{"0.000", positive},
		{"0e999999999", positive},
		{"-1", positive},
		{"-1e999999999", positive},
		{"1e100", large},
		{"1e999999999", large},
		{"1e99999999999999999999999999", large},
		{strings.Repeat("9", 101), large},
		{"1e-101", small},
		{"1e-999999999", small},
		{"1e-99999999999999999999999999", small},
		{"1." + strings.Repeat("1", 101), small},
	} {
		_, err := pow.ParseDifficulty(c.text)
		if !errors.Is(err, pow.ErrDifficulty) || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("ParseDifficulty(%q): %v, want %q", c.text, err, c.want)
		}
	}
	_, err := pow.ParseDifficulty("1" + strings.Repeat("0", 256))
	if want := "invalid difficulty: 257 characters, must be at most 256"; !errors.Is(err, pow.ErrDifficulty) || err.Error() != want {
		t.Errorf("long text: %v, want %q", err, want)
	}
}

func TestDifficultyTarget(t *testing.T) {
	for _, c := range []struct{ difficulty, want string }{
		{"1", "ffff" + strings.Repeat("0", 52)},
		{"2", "7fff8" + strings.Repeat("0", 51)},
		{"0.5", "1fffe" + strings.Repeat("0", 52)},
		{"65535", "1" + strings.Repeat("0", 52)},
		{"3", "5555" + strings.Repeat("0", 52)},
		{"7", "24922492" + strings.Repeat("492", 16)}, // rounded down
		{"1e-9", "3b9a8e653600" + strings.Repeat("0", 52)},
		{"1e-10", strings.Repeat("f", 64)}, // below what 256 bits can hold
		{"1e99", "0"},
	} {
		if got, want := mustDifficulty(t, c.difficulty).Target(), mustTarget(t, c.want); got != want {
			t.Errorf("target of difficulty %s is %v, want %v", c.difficulty, got, want)
		}
	}
	if got := (pow.Difficulty{}).Target(); got != pow.MaxTarget {
		t.Errorf("target of difficulty 0 is %v, want the greatest", got)
	}
}

func TestTargetDifficulty(t *testing.T) {
	for _, c := range []struct{ target, want string }{
		{"ffff" + strings.Repeat("0", 52), "1"},
		{"44b9f2" + strings.Repeat("0", 46), "244112.48777433643"},
		{"2ac4af" + strings.Repeat("0", 50), "5.98565110032135"},
		{"7fffff" + strings.Repeat("0", 58), "4.6565423739069247e-10"}, // regtest
		{strings.Repeat("f", 64), "2.3282709094019083e-10"},
		{"0", "26959535291011309493156476344723991336010898738574164086137773096960"},
		{"1", "26959535291011309493156476344723991336010898738574164086137773096960"},
	} {
		if got := mustTarget(t, c.target).Difficulty().String(); got != c.want {
			t.Errorf("difficulty of %s is %s, want %s", c.target, got, c.want)
		}
	}
	if got := (pow.Difficulty{}).String(); got != "0" {
		t.Errorf("the zero value shows as %q, want 0", got)
	}
}

func TestDifficultyCmp(t *testing.T) {
	rising := []pow.Difficulty{{}, mustDifficulty(t, "1e-9"), mustDifficulty(t, "0.3"), mustDifficulty(t, "1"), mustDifficulty(t, "1e12")}
	for i, a := range rising {
		for j, b := range rising {
			if got, want := a.Cmp(b), big.NewInt(int64(i)).Cmp(big.NewInt(int64(j))); got != want {
				t.Errorf("%v.Cmp(%v) = %d, want %d", a, b, got, want)
			}
		}
	}
}

// A target and its difficulty determine each other, and a hash meets the target
// of its own share difficulty but no harder one.
func TestDifficultyInvertsTarget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		target := anyTarget().Draw(t, "target")
		if target == (pow.Target{}) {
			target = pow.Target{1}
		}
		if got := target.Difficulty().Target(); got != target {
			t.Fatalf("target %v came back from its difficulty as %v", target, got)
		}
		h := anyHash().Draw(t, "hash")
		own := h.Difficulty()
		if !own.Target().MetBy(h) {
			t.Fatalf("hash %v does not meet its own difficulty %v", h, own)
		}
		if target.MetBy(h) != (own.Cmp(target.Difficulty()) >= 0) {
			t.Fatalf("hash %v of difficulty %v, target %v of difficulty %v", h, own, target, target.Difficulty())
		}
	})
}

func FuzzParseDifficulty(f *testing.F) {
	for _, seed := range []string{"1", "1e-9", "7.8858", "1e12", "0", "-1", "1e999999999", "1e-999999999", "NaN", "0x10", ".5", "5.", "1.e1", "00012.3400e+05"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := pow.ParseDifficulty(text)
		if err != nil {
			if !errors.Is(err, pow.ErrDifficulty) {
				t.Errorf("ParseDifficulty(%q): %v", text, err)
			}
			return
		}
		want, ok := new(big.Rat).SetString(text)
		if !ok || want.Sign() <= 0 {
			t.Fatalf("ParseDifficulty(%q) = %v, which is no positive number", text, d)
		}
		again, err := pow.ParseDifficulty(d.String())
		if err != nil || again.Cmp(d) != 0 {
			t.Fatalf("ParseDifficulty(%q) came back from %q as %v, %v", text, d.String(), again, err)
		}
		if shown, _ := new(big.Rat).SetString(d.String()); shown.Cmp(want) != 0 {
			t.Errorf("ParseDifficulty(%q) = %v, not exact", text, d)
		}
	})
}

func TestDifficultyFloat64(t *testing.T) {
	for text, want := range map[string]float64{
		"1": 1, "0.5": 0.5, "1e-9": 1e-9, "1e99": 1e99, "0.1": 0.1, "16383.75": 16383.75, "1.00000000000000000000000001": 1,
	} {
		d, err := pow.ParseDifficulty(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Float64(); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
	if got := (pow.Difficulty{}).Float64(); got != 0 {
		t.Errorf("difficulty 0: got %v", got)
	}
	// One hash of difficulty 1 in so many, to nine digits.
	target := new(big.Float).SetInt(new(big.Int).Lsh(big.NewInt(0xffff), 208))
	hashes, _ := new(big.Float).Quo(new(big.Float).SetInt(new(big.Int).Lsh(big.NewInt(1), 256)), target).Float64()
	if math.Abs(hashes/pow.HashesPerDifficulty-1) > 1e-9 {
		t.Errorf("HashesPerDifficulty is %v, want %v", pow.HashesPerDifficulty, hashes)
	}
}
