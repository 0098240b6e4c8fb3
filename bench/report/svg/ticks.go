package svg

import (
	"math"
	"strconv"
	"strings"
)

// maxTicks bounds the ticks of an axis.
const maxTicks = 12

// Ticks returns about n round numbers from low to high, in ascending order: multiples of
// 1, 2 or 5 times a power of ten. There are none if low is not below high or a bound is
// not finite.
func Ticks(low, high float64, n int) []float64 {
	step := tickStep(low, high, n)
	if step == 0 {
		return nil
	}
	var ticks []float64
	for i := math.Ceil(low/step - 1e-9); i*step <= high+step*1e-9 && len(ticks) < maxTicks; i++ {
		ticks = append(ticks, i*step+0) // + 0: no negative zero
	}
	return ticks
}

// tickStep returns the distance of ticks, 0 if there can be none.
func tickStep(low, high float64, n int) float64 {
	span := high - low
	if !(span > 0) || math.IsInf(span, 0) || span < 1e-9*math.Abs(high) {
		return 0
	}
	rough := span / float64(min(max(n, 1), maxTicks))
	power := math.Pow(10, math.Floor(math.Log10(rough)))
	if power == 0 || math.IsInf(power, 0) {
		return 0
	}
	for _, factor := range []float64{1, 2, 5} {
		if rough <= factor*power*1.0001 {
			return factor * power
		}
	}
	return 10 * power
}

// number formats a value of an axis whose ticks are step apart: with as many digits
// behind the point as the step needs, and thousands separated by a comma.
func number(v, step float64) string {
	if math.Abs(v) >= 1e15 || step < 1e-9 {
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	digits := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	text := strconv.FormatFloat(v, 'f', digits, 64)
	whole, rest, _ := strings.Cut(text, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "−", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		rest = "." + rest
	}
	return sign + whole + rest
}
