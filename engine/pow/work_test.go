package pow_test

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

func TestWork(t *testing.T) {
	for _, c := range []struct {
		target string
		want   string
	}{
		{"ffff" + strings.Repeat("0", 52), "100010001"}, // chainwork of the genesis block
		{"44b9f2" + strings.Repeat("0", 46), "3b9943672fdd9"},
		{strings.Repeat("f", 64), "1"},
		{"8" + strings.Repeat("0", 63), "1"},
		{"7" + strings.Repeat("f", 63), "2"},
		{"1", "8" + strings.Repeat("0", 63)},
		{"0", "0"},
	} {
		want := mustTarget(t, c.want).String()
		if got := mustTarget(t, c.target).Work().String(); got != want {
			t.Errorf("work of %s is %s, want %s", c.target, got, want)
		}
	}
}

func TestWorkAgreesWithBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		target := anyTarget().Draw(t, "target")
		if target == (pow.Target{}) {
			target = pow.Target{1}
		}
		n := new(big.Int).Add(target.Big(), big.NewInt(1))
		if got, want := target.Work().Big(), n.Quo(power(256), n); got.Cmp(want) != 0 {
			t.Fatalf("work of %v is %v, want %v", target, got, want)
		}
	})
}

func TestWorkAddAgreesWithBig(t *testing.T) {
	most := new(big.Int).Sub(power(256), big.NewInt(1))
	rapid.Check(t, func(t *rapid.T) {
		a := pow.Work(anyTarget().Draw(t, "a"))
		b := pow.Work(anyTarget().Draw(t, "b"))
		want := new(big.Int).Add(a.Big(), b.Big())
		if want.Cmp(most) > 0 {
			want = most
		}
		if got := a.Add(b); got.Big().Cmp(want) != 0 {
			t.Fatalf("%v + %v = %v, want %064x", a, b, got, want)
		}
		if got, want := a.Cmp(b), a.Big().Cmp(b.Big()); got != want {
			t.Fatalf("%v.Cmp(%v) = %d, want %d", a, b, got, want)
		}
	})
}
