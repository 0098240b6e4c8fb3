package web

import (
	"testing"
	"time"

	"stele/node/ledger/record"
)

func TestFormats(t *testing.T) {
	l := languagesOf(t)[0]
	r := &request{lang: l}
	for got, want := range map[string]string{
		grouped("-1234567"): "−1,234,567", grouped("123"): "123",
		digits(0.034012, 3): "0.0340", digits(12345.6, 3): "12,346", digits(0, 3): "0", digits(9.996, 3): "10.0",
		scaled(46_800_000, "H/s").String(): "46.8 MH/s", scaled(999, "H").String(): "999 H", scaled(999_900, "H").String(): "1.00 MH",
		bytesText(233): "233 B", bytesText(129_454): "129.5 kB", bytesText(4_000_000): "4.0 MB",
		coins(1250*record.Coin + 49_000_000): "1,250.49", coins(53_230_354): "0.5323", coins(2079): "0.00002079", coins(0): "0.00",
		exactCoins(2079): "0.00002079",
		l.seconds(3.4):   "3.4 s", l.seconds(119): "119 s", l.seconds(600): "10 min", l.seconds(86400): "24 h", l.duration(72 * time.Hour): "3 d", l.seconds(-5): "0 s",
		workText(r, "00010000").String(): "65.5 khash", workText(r, "x").String(): "– ",
		odds(176_247_588.4): "176,247,588",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for chance, want := range map[float64]string{
		1: "certain", 0.2412: "24.1 %", 1 / 1063.0: "1 in 1,063", 1.7e-9: "below 1 in 10<sup>8</sup>", 1e-30: "none to speak of",
	} {
		if got := string(chanceText(r, chance)); got != want {
			t.Errorf("%g: %q, want %q", chance, got, want)
		}
	}
}
