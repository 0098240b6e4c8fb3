package record

import (
	"fmt"
	"strconv"
	"strings"
)

// Amount is money, in the smallest unit: 1e-8 of a [Coin].
type Amount uint64

// Coin is one whole unit, which people write as "1".
const Coin Amount = 1e8

// MaxAmount is the largest amount in a record: 2^53-1 units, some 90 million.
// Every such number is exact in JavaScript too, and 2,048 of them fit into 64
// bits.
const MaxAmount Amount = 1<<53 - 1

// decimals is the number of digits after the point: Coin is 10 to that power.
const decimals = 8

// String returns the amount as a decimal without needless zeros: "12.5".
func (a Amount) String() string {
	whole, part := uint64(a/Coin), uint64(a%Coin)
	if part == 0 {
		return strconv.FormatUint(whole, 10)
	}
	return strings.TrimRight(fmt.Sprintf("%d.%08d", whole, part), "0")
}

// ParseAmount reads a decimal such as "12.5": digits, and after a point 1 to 8
// more. It is an error if the amount is above [MaxAmount].
func ParseAmount(text string) (Amount, error) {
	whole, part, point := strings.Cut(text, ".")
	switch {
	case !digits(whole) || point && !digits(part):
		return 0, fmt.Errorf("amount %.40q: want a decimal such as 12.5", text)
	case len(part) > decimals:
		return 0, fmt.Errorf("amount %.40q: more than %d digits after the point", text, decimals)
	}
	units := whole + part + strings.Repeat("0", decimals-len(part))
	n, err := strconv.ParseUint(units, 10, 64)
	if err != nil || Amount(n) > MaxAmount {
		return 0, fmt.Errorf("amount %.40q: above the greatest, %v", text, MaxAmount)
	}
	return Amount(n), nil
}

// digits reports whether s is one decimal digit or more.
func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// MarshalText returns String.
func (a Amount) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what [ParseAmount] reads.
func (a *Amount) UnmarshalText(text []byte) (err error) {
	*a, err = ParseAmount(string(text))
	return err
}
