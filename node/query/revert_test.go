package query

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// The table of the paper, with its seven digits.
func TestRevertChanceOfThePaper(t *testing.T) {
	for _, c := range []struct {
		share float64
		depth uint32
		want  string
	}{
		{0.1, 0, "1.0000000"}, {0.1, 1, "0.2045873"}, {0.1, 2, "0.0509779"}, {0.1, 3, "0.0131722"}, {0.1, 4, "0.0034552"},
		{0.1, 5, "0.0009137"}, {0.1, 6, "0.0002428"}, {0.1, 7, "0.0000647"}, {0.1, 8, "0.0000173"}, {0.1, 9, "0.0000046"}, {0.1, 10, "0.0000012"},
		{0.3, 0, "1.0000000"}, {0.3, 5, "0.1773523"}, {0.3, 10, "0.0416605"}, {0.3, 15, "0.0101008"}, {0.3, 20, "0.0024804"},
		{0.3, 25, "0.0006132"}, {0.3, 30, "0.0001522"}, {0.3, 35, "0.0000379"}, {0.3, 40, "0.0000095"}, {0.3, 45, "0.0000024"}, {0.3, 50, "0.0000006"},
	} {
		if got := fmt.Sprintf("%.7f", RevertChance(c.depth, c.share)); got != c.want {
			t.Errorf("share %v, depth %d: %s, the paper has %s", c.share, c.depth, got, c.want)
		}
	}
}

// The depths at which the chance is below 0.1 %, as the paper has them.
func TestEnoughDepthOfThePaper(t *testing.T) {
	for share, want := range map[float64]uint32{0.10: 5, 0.15: 8, 0.20: 11, 0.25: 15, 0.30: 24, 0.35: 41, 0.40: 89, 0.45: 340} {
		if at, before := RevertChance(want, share), RevertChance(want-1, share); at >= 0.001 || before < 0.001 {
			t.Errorf("share %v: %v at depth %d, %v before", share, at, want, before)
		}
	}
	for i, want := range []uint32{5, 15, 89} {
		if got := RevertChances(100)[i]; got.Enough != want || got.Share != AttackerShares[i] || got.Chance != RevertChance(99, got.Share) {
			t.Errorf("%+v, want the depth %d", got, want)
		}
	}
	if RevertChances(0) != nil {
		t.Error("a record without a block can be taken back")
	}
}

// naiveChance is the formula of the paper as it stands, with 600 bits: 1 less the sum
// of what fails.
func naiveChance(depth uint32, share float64) float64 {
	const precision = 600
	number := func(x float64) *big.Float { return new(big.Float).SetPrec(precision).SetFloat64(x) }
	q := number(share)
	ratio := number(0).Quo(q, number(0).Sub(number(1), q))
	mean := number(0).Mul(ratio, number(float64(depth)))
	power := func(x *big.Float, n uint32) *big.Float {
		p := number(1)
		for range n {
			p.Mul(p, x)
		}
		return p
	}
	e, term := number(1), number(1) // e^mean by its series
	for k := 1; k < 2000; k++ {
		term.Quo(term.Mul(term, mean), number(float64(k)))
		e.Add(e, term)
	}
	chance, poisson := number(1), number(0).Quo(number(1), e)
	for k := uint32(0); k <= depth; k++ {
		if k > 0 {
			poisson.Quo(poisson.Mul(poisson, mean), number(float64(k)))
		}
		fails := number(0).Sub(number(1), power(ratio, depth-k))
		chance.Sub(chance, fails.Mul(fails, poisson))
	}
	f, _ := chance.Float64()
	return f
}

func TestRevertChanceIsThatOfTheFormula(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		depth := uint32(rapid.IntRange(0, 120).Draw(t, "depth"))
		share := rapid.Float64Range(0.001, 0.499).Draw(t, "share")
		got, want := RevertChance(depth, share), naiveChance(depth, share)
		if want > 1e-120 && math.Abs(got-want) > 1e-9*want {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

// The chance is always one, falls with the depth, and grows with the share.
func TestRevertChanceIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		depth := rapid.Uint32().Draw(t, "depth")
		share := rapid.Float64().Draw(t, "share")
		got := RevertChance(depth, share)
		if !(got >= 0 && got <= 1) {
			t.Fatalf("%v is no chance", got)
		}
		const slack = 1 + 1e-6 // of the logarithms, at enormous depths
		if depth < math.MaxUint32 && RevertChance(depth+1, share) > got*slack {
			t.Error("more at a greater depth")
		}
		if RevertChance(depth, share+0.01) < got/slack {
			t.Error("less with a greater share")
		}
	})
}
