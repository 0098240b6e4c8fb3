package human

import (
	"testing"
	"time"
)

func TestSIUnits(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0 ", 12: "12 ", 999: "999 ", 999.6: "1.00 k", 1234: "1.23 k", 9999: "10.0 k", 56.34e6: "56.3 M",
		112.4e6: "112 M", 999.4e6: "999 M", 999.6e6: "1.00 G", 4.2e18: "4200 P",
	} {
		if got := SI(x); got != want {
			t.Errorf("%v: got %q, want %q", x, got, want)
		}
	}
}

func TestShortTime(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second:                   "0ms",
		85 * time.Millisecond:          "85ms",
		3100 * time.Millisecond:        "3.1s",
		59900 * time.Millisecond:       "59s",
		724 * time.Second:              "12m04s",
		5*time.Hour + 2*time.Minute:    "5h02m",
		72*time.Hour + 59*time.Minute:  "3d",
		999*time.Millisecond + 999_999: "999ms",
	} {
		if got := Duration(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
