package record

import (
	"fmt"
	"strconv"
	"strings"

	"stele/node/ledger/reject"
)

// GTIN is a Global Trade Item Number: which product it is (GS1 General
// Specifications, section 3). As a number it has up to 14 digits; the last one
// checks the others.
type GTIN uint64

// String returns 14 digits.
func (g GTIN) String() string { return fmt.Sprintf("%014d", uint64(g)) }

// ParseGTIN reads 8, 12, 13 or 14 digits and checks the last one.
func ParseGTIN(digits string) (GTIN, error) {
	n, err := strconv.ParseUint(digits, 10, 64)
	switch len(digits) {
	case 8, 12, 13, 14:
	default:
		return 0, reject.New(reject.BadGTIN, "a GTIN has 8, 12, 13 or 14 digits, %.40q has %d", digits, len(digits))
	}
	if err != nil || strings.ContainsAny(digits, "+-_") {
		return 0, reject.New(reject.BadGTIN, "%.40q is not a number of digits", digits)
	}
	return GTIN(n), GTIN(n).check()
}

// check rejects numbers that are too long, or have a wrong check digit: three
// times the digits in odd places from the right, and the others, make a
// multiple of ten.
func (g GTIN) check() error {
	if g == 0 || g >= 1e14 {
		return reject.New(reject.BadGTIN, "GTIN %d does not have 1 to 14 digits", uint64(g))
	}
	sum, weight := uint64(0), uint64(3)
	for n := uint64(g) / 10; n > 0; n /= 10 {
		sum += n % 10 * weight
		weight = 4 - weight
	}
	if want := (10 - sum%10) % 10; uint64(g)%10 != want {
		return reject.New(reject.BadGTIN, "the last digit of GTIN %v must be %d", g, want)
	}
	return nil
}

// MarshalText returns String.
func (g GTIN) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText reads what [ParseGTIN] reads.
func (g *GTIN) UnmarshalText(b []byte) (err error) {
	*g, err = ParseGTIN(string(b))
	return err
}

// Serial identifies one item of a product: application identifier 21
// of the GS1 General Specifications, 1 to 20 characters of its set 82.
type Serial string

// serialSigns are the characters beside letters and digits.
const serialSigns = `!"%&'()*+,-./:;<=>?_`

func (s Serial) check() error {
	if len(s) == 0 || len(s) > 20 {
		return reject.New(reject.BadSerial, "a serial number has 1 to 20 characters, this one has %d", len(s))
	}
	for _, c := range []byte(s) {
		if !('0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || strings.IndexByte(serialSigns, c) >= 0) {
			return reject.New(reject.BadSerial, "the serial number %q has the character %q; there may be digits, letters and %s", string(s), c, serialSigns)
		}
	}
	return nil
}

// ParseSerial reads a serial number and checks its length and its characters.
func ParseSerial(text string) (Serial, error) {
	s := Serial(text)
	if err := s.check(); err != nil {
		return "", err
	}
	return s, nil
}

// Digest is the SHA-256 of a document or text that is kept elsewhere. Zero if
// there is none.
type Digest [32]byte
