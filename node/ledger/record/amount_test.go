package record

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestAmountText(t *testing.T) {
	for _, v := range []struct {
		amount Amount
		text   string
	}{
		{0, "0"},
		{1, "0.00000001"},
		{10000, "0.0001"},
		{Coin, "1"},
		{10 * Coin, "10"},
		{1_250_000_000, "12.5"},
		{MaxAmount, "90071992.54740991"},
	} {
		if got := v.amount.String(); got != v.text {
			t.Errorf("%d is %q, want %q", uint64(v.amount), got, v.text)
		}
		if got, err := ParseAmount(v.text); err != nil || got != v.amount {
			t.Errorf("%q is %d, %v, want %d", v.text, uint64(got), err, uint64(v.amount))
		}
	}
	for _, same := range []string{"12.50", "012.5", "12.50000000"} {
		if got, err := ParseAmount(same); err != nil || got != 1_250_000_000 {
			t.Errorf("%q is %v, %v", same, got, err)
		}
	}
	for _, bad := range []string{
		"", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", " 1", "1 ", "0x1", "1.2.3", "1_0", "NaN", "٣",
		"0.000000001", "90071992.54740992", "184467440737.09551616", strings.Repeat("9", 1000),
	} {
		if got, err := ParseAmount(bad); err == nil {
			t.Errorf("%.40q is %v", bad, got)
		} else if len(err.Error()) > 150 {
			t.Errorf("%.40q: an error of %d characters", bad, len(err.Error()))
		}
	}
}

func TestAmountRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Amount(rapid.Uint64Range(0, uint64(MaxAmount)).Draw(t, "amount"))
		if got, err := ParseAmount(a.String()); err != nil || got != a {
			t.Fatalf("%v is read as %v, %v", a, got, err)
		}
	})
}
