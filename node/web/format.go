package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"stele/node/ledger/record"
)

// show writes a value into a text: integers with separators.
func show(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int, int64, uint64, uint32, uint16, uint8, uint:
		return grouped(fmt.Sprint(v))
	case float64:
		return digits(v, 3)
	}
	return fmt.Sprint(v)
}

// grouped puts a comma before each three digits of an integer.
func grouped(n string) string {
	sign := ""
	if rest, ok := strings.CutPrefix(n, "-"); ok {
		sign, n = "−", rest
	}
	for i := len(n) - 3; i > 0; i -= 3 {
		n = n[:i] + "," + n[i:]
	}
	return sign + n
}

// digits writes a number with some significant digits, without an exponent.
func digits(v float64, n int) string {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return "0"
	}
	_, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', n-1, 64), "e") // of the rounded number
	power, _ := strconv.Atoi(exponent)
	after := n - 1 - power
	text := strconv.FormatFloat(v, 'f', max(0, after), 64)
	whole, fraction, ok := strings.Cut(text, ".")
	if ok {
		return grouped(whole) + "." + fraction
	}
	return grouped(whole)
}

// quantity is a number with a unit.
type quantity struct{ Number, Unit string }

func (q quantity) String() string { return q.Number + " " + q.Unit }

// scaled writes a value with three digits and a decimal prefix: "46.8", "MH/s".
func scaled(v float64, unit string) quantity {
	prefixes := []string{"", "k", "M", "G", "T", "P", "E", "Z", "Y"}
	i := 0
	for ; v >= 999.5 && i < len(prefixes)-1; i++ {
		v /= 1000
	}
	return quantity{digits(v, 3), prefixes[i] + unit}
}

// bytesText writes a size: "129.5 kB", "233 B".
func bytesText(n int) string {
	switch {
	case n >= 1_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}

// coins writes an amount: two digits from one coin on, four below, rounded down, and
// all digits of one that would read as nothing.
func coins(a record.Amount) string {
	text := a.String()
	whole, fraction, _ := strings.Cut(text, ".")
	fraction += strings.Repeat("0", 8)
	switch {
	case a >= record.Coin || a == 0:
		return grouped(whole) + "." + fraction[:2]
	case fraction[:4] != "0000":
		return whole + "." + fraction[:4]
	}
	return whole + "." + fraction[:8]
}

// exactCoins writes an amount with all its digits.
func exactCoins(a record.Amount) string {
	whole, fraction, _ := strings.Cut(a.String(), ".")
	return grouped(whole) + "." + (fraction + strings.Repeat("0", 8))[:8]
}

// duration writes a length of time in its greatest unit: "12 s", "4 min", "3 days".
func (l *language) duration(d time.Duration) string {
	s := d.Seconds()
	switch {
	case s < 0:
		return l.plain("unit.s", "n", "0")
	case s < 10 && s != math.Trunc(s):
		return l.plain("unit.s", "n", strconv.FormatFloat(s, 'f', 1, 64))
	case s < 120:
		return l.plain("unit.s", "n", strconv.FormatFloat(s, 'f', 0, 64))
	case s < 120*60:
		return l.plain("unit.min", "n", strconv.FormatFloat(s/60, 'f', 0, 64))
	case s < 48*3600:
		return l.plain("unit.h", "n", strconv.FormatFloat(s/3600, 'f', 0, 64))
	}
	return l.plain("unit.d", "n", grouped(strconv.FormatFloat(s/86400, 'f', 0, 64)))
}

// seconds is duration of a number of seconds.
func (l *language) seconds(s float64) string {
	return l.duration(time.Duration(s * float64(time.Second)))
}
