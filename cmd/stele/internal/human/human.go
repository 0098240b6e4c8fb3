// Package human writes numbers, durations and hashes for people.
package human

import (
	"fmt"
	"time"

	"stele/engine/pow"
)

// Difficulty writes a difficulty with four digits.
func Difficulty(d pow.Difficulty) string { return fmt.Sprintf("%.4g", d.Float64()) }

// Hash shortens 64 hex digits to the first and the last.
func Hash(hex string) string { return hex[:16] + ".." + hex[len(hex)-4:] }

// Duration writes a duration with two or three digits: 85ms, 3.1s, 12m4s,
// 5h02m.
func Duration(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", d.Truncate(time.Second).Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// Bytes writes a number of bytes for people.
func Bytes(n int64) string { return SI(float64(n)) + "B" }

// Grouped writes a number with commas between groups of three digits.
func Grouped(n uint64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Count writes a count of things: "1 block", "2 blocks".
func Count(n uint64, what string) string {
	if n != 1 {
		what += "s"
	}
	return Grouped(n) + " " + what
}

// PerSecond returns items per second, 0 if no time has passed.
func PerSecond(items uint64, elapsed time.Duration) float64 {
	if elapsed <= 0 {
		return 0
	}
	return float64(items) / elapsed.Seconds()
}

// SI writes a number for people, as in "56.3 M": three or four digits
// and the SI prefix of the unit that follows.
func SI(x float64) string {
	prefixes := []string{"", "k", "M", "G", "T", "P"}
	i := 0
	for x >= 999.5 && i < len(prefixes)-1 {
		x /= 1000
		i++
	}
	switch {
	case i == 0:
		return fmt.Sprintf("%.0f ", x)
	case x < 9.995:
		return fmt.Sprintf("%.2f %s", x, prefixes[i])
	case x < 99.95:
		return fmt.Sprintf("%.1f %s", x, prefixes[i])
	}
	return fmt.Sprintf("%.0f %s", x, prefixes[i])
}
