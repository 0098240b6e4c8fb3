package pow

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// Difficulty tells how many times harder a target is to meet than Bitcoin's
// easiest one, 0xffff * 2^208 ("bdiff"). It is an exact number of any size,
// often below 1 for shares. The zero value is difficulty 0, which every hash
// meets.
type Difficulty struct {
	ratio *big.Rat // nil is 0; never changed once set
}

// ErrDifficulty means that a text is no positive decimal number of a sensible
// size.
var ErrDifficulty = errors.New("bad difficulty")

const (
	// A difficulty has at most this many decimal digits before the point, and
	// as many after it. All that can matter lies between 2.3e-10 (every hash)
	// and 2.7e67 (one hash of all).
	maxDifficultyDigits = 100
	// maxDifficultyText is room for those digits and some useless zeros.
	maxDifficultyText = 256
	// difficultyDigits is how many significant digits String shows of a
	// difficulty that is not a short decimal.
	difficultyDigits = 17
)

// HashesPerDifficulty is how many hashes a share of difficulty 1 takes on
// average: 2^256 / (0xffff * 2^208). A share of difficulty d takes d times that.
const HashesPerDifficulty = 4295032833.0

// difficulty1 is the target of difficulty 1.
var difficulty1 = new(big.Int).Lsh(big.NewInt(0xffff), 208)

// ParseDifficulty reads a positive decimal such as 1e-9, 7.8858 or 1e12 and
// keeps its exact value. The number may have up to 100 digits on each side of
// the decimal point. Error: [ErrDifficulty].
func ParseDifficulty(text string) (Difficulty, error) {
	if len(text) > maxDifficultyText {
		return Difficulty{}, fmt.Errorf("%w: %d characters long, at most %d", ErrDifficulty, len(text), maxDifficultyText)
	}
	fail := func(why string) (Difficulty, error) {
		return Difficulty{}, fmt.Errorf("%w: %q: %s", ErrDifficulty, text, why)
	}
	d, ok := scanDecimal(text)
	if !ok {
		return fail("want a decimal number like 1e-9, 7.8858 or 1e12")
	}
	if d.digits == "" || d.negative {
		return fail("must be more than 0")
	}
	if d.point > maxDifficultyDigits {
		return fail("too large, must be less than 1e100")
	}
	if len(d.digits)-d.point > maxDifficultyDigits {
		return fail("too many decimals, at most 100")
	}
	num, _ := new(big.Int).SetString(d.digits, 10)
	scale := d.point - len(d.digits) // the value is num * 10^scale
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(scale, -scale))), nil)
	if scale >= 0 {
		return Difficulty{new(big.Rat).SetInt(num.Mul(num, power))}, nil
	}
	return Difficulty{new(big.Rat).SetFrac(num, power)}, nil
}

// Target returns difficulty1/d, rounded down, and at most [MaxTarget]. A hash
// is a share of difficulty d if it meets this target.
func (d Difficulty) Target() Target {
	ratio := d.rat()
	if ratio.Sign() == 0 {
		return MaxTarget
	}
	n := new(big.Int).Mul(difficulty1, ratio.Denom())
	n.Quo(n, ratio.Num())
	if n.BitLen() > 256 {
		return MaxTarget
	}
	return limbsOf(n)
}

// Difficulty returns difficulty1/t. A zero target counts as 1, the hardest
// that has a difficulty.
func (t Target) Difficulty() Difficulty {
	if t == (Target{}) {
		t = Target{1}
	}
	return Difficulty{new(big.Rat).SetFrac(difficulty1, t.Big())}
}

// Difficulty returns the share difficulty of h: that of the hardest target
// which h meets.
func (h Hash) Difficulty() Difficulty { return Target(h.limbs()).Difficulty() }

// Cmp returns -1, 0 or 1 as d is less than, equal to or greater than e.
func (d Difficulty) Cmp(e Difficulty) int { return d.rat().Cmp(e.rat()) }

// String returns d as a decimal that [ParseDifficulty] reads: exactly if it
// has at most 100 decimals, as all that ParseDifficulty returned do; otherwise
// rounded to 17 significant digits.
func (d Difficulty) String() string {
	ratio := d.rat()
	if decimals, exact := ratio.FloatPrec(); exact && decimals <= maxDifficultyDigits {
		return ratio.FloatString(decimals)
	}
	return new(big.Float).SetPrec(512).SetRat(ratio).Text('g', difficultyDigits)
}

// Float64 returns the floating-point number nearest to d. It serves to show a
// difficulty and to estimate with it; targets are made of d itself.
func (d Difficulty) Float64() float64 {
	x, _ := d.rat().Float64()
	return x
}

func (d Difficulty) rat() *big.Rat {
	if d.ratio == nil {
		return new(big.Rat)
	}
	return d.ratio
}

// decimal is the number 0.digits * 10^point. Digits neither begin nor end with
// a zero; none are left of zero itself.
type decimal struct {
	negative bool
	digits   string
	point    int
}

// scanDecimal reads [-] digits [. digits] [e [+-] digits], with at least one
// digit before the e. It does no arithmetic with the exponent beyond bounding
// it, so that a huge one costs nothing.
func scanDecimal(text string) (d decimal, ok bool) {
	text, d.negative = strings.CutPrefix(text, "-")
	whole, rest := scanDigits(text)
	fraction := ""
	if after, found := strings.CutPrefix(rest, "."); found {
		fraction, rest = scanDigits(after)
	}
	if whole == "" && fraction == "" {
		return d, false
	}
	exponent := 0
	if rest != "" {
		if exponent, ok = scanExponent(rest); !ok {
			return d, false
		}
	}
	all := whole + fraction
	d.digits = strings.TrimLeft(all, "0")
	d.point = len(whole) - (len(all) - len(d.digits)) + exponent
	d.digits = strings.TrimRight(d.digits, "0")
	return d, true
}

// scanExponent reads e [+-] digits. Beyond a million it stops counting.
func scanExponent(text string) (exponent int, ok bool) {
	if text[0] != 'e' && text[0] != 'E' {
		return 0, false
	}
	text, negative := strings.CutPrefix(text[1:], "-")
	if !negative {
		text = strings.TrimPrefix(text, "+")
	}
	digits, rest := scanDigits(text)
	if digits == "" || rest != "" {
		return 0, false
	}
	for _, c := range digits {
		exponent = min(10*exponent+int(c-'0'), 1_000_000)
	}
	if negative {
		exponent = -exponent
	}
	return exponent, true
}

// scanDigits splits text after its leading decimal digits.
func scanDigits(text string) (digits, rest string) {
	n := 0
	for n < len(text) && '0' <= text[n] && text[n] <= '9' {
		n++
	}
	return text[:n], text[n:]
}
