package pow

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// Difficulty is the ratio of Bitcoin's easiest target, 0xffff * 2^208, to a target
// ("bdiff"): how many times harder that is to meet. It is an exact number of any
// size, often below 1 for shares. The zero value is difficulty 0, which every
// hash meets. Safe for concurrent use.
type Difficulty struct {
	ratio *big.Rat // nil is 0; never changed once set
}

// ErrDifficulty means that a text is not a positive decimal number of at most 100
// digits on each side of the decimal point.
var ErrDifficulty = errors.New("invalid difficulty")

const (
	// A difficulty has at most this many decimal digits before the point, and
	// as many after it. Useful ones lie between 2.3e-10, which every hash meets,
	// and 2.7e67, which one hash of all meets.
	maxDifficultyDigits = 100
	// maxDifficultyText bounds the text: those digits and some redundant zeros.
	maxDifficultyText = 256
	// difficultyDigits is the number of significant digits that String writes of
	// a difficulty that is not a short decimal.
	difficultyDigits = 17
)

// HashesPerDifficulty is the expected number of hashes for a share of difficulty
// 1: 2^256 / (0xffff * 2^208). A share of difficulty d takes d times as many.
const HashesPerDifficulty = 4295032833.0

// difficulty1 is the target of difficulty 1.
var difficulty1 = new(big.Int).Lsh(big.NewInt(0xffff), 208)

// ParseDifficulty reads a positive decimal such as 1e-9, 7.8858 or 1e12 and
// keeps its exact value. The number may have up to 100 digits on each side of
// the decimal point. Error: [ErrDifficulty].
func ParseDifficulty(text string) (Difficulty, error) {
	if len(text) > maxDifficultyText {
		return Difficulty{}, fmt.Errorf("%w: %d characters, must be at most %d", ErrDifficulty, len(text), maxDifficultyText)
	}
	fail := func(expected string) (Difficulty, error) {
		return Difficulty{}, fmt.Errorf("%w %q: %s", ErrDifficulty, text, expected)
	}
	d, ok := scanDecimal(text)
	if !ok {
		return fail("must be a decimal number such as 1e-9, 7.8858 or 1e12")
	}
	if d.digits == "" || d.negative {
		return fail("must be above 0")
	}
	if d.point > maxDifficultyDigits {
		return fail("must be below 1e100")
	}
	if len(d.digits)-d.point > maxDifficultyDigits {
		return fail("must have at most 100 decimals")
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

// Difficulty returns the share difficulty of h: the difficulty of the hardest
// target that h meets.
func (h Hash) Difficulty() Difficulty { return Target(h.limbs()).Difficulty() }

// Cmp returns -1, 0 or 1 as d is less than, equal to or greater than e.
func (d Difficulty) Cmp(e Difficulty) int { return d.rat().Cmp(e.rat()) }

// String returns d as a decimal that [ParseDifficulty] reads. It is exact if d has
// at most 100 decimals, as every result of ParseDifficulty has, and otherwise
// rounded to 17 significant digits.
func (d Difficulty) String() string {
	ratio := d.rat()
	if decimals, exact := ratio.FloatPrec(); exact && decimals <= maxDifficultyDigits {
		return ratio.FloatString(decimals)
	}
	return new(big.Float).SetPrec(512).SetRat(ratio).Text('g', difficultyDigits)
}

// Float64 returns the floating-point number nearest to d, for display and for
// estimates. [Difficulty.Target] is exact.
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

// decimal is the number 0.digits * 10^point. Digits neither begin nor end with a
// zero; the digits of 0 are empty.
type decimal struct {
	negative bool
	digits   string
	point    int
}

// scanDecimal reads [-] digits [. digits] [e [+-] digits], with at least one
// digit before the e. It only bounds the exponent and does not compute the power,
// so that a huge one costs nothing.
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

// scanExponent reads e [+-] digits. It returns larger exponents as a million.
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
