package pow

import (
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"
)

var (
	// ErrHex means that a text has a character that is not a hex digit.
	ErrHex = errors.New("not hexadecimal")
	// ErrLength means that a text or a byte string has the wrong length.
	ErrLength = errors.New("wrong length")
)

// checkHex reports the first character of text that is not a hex digit.
func checkHex(what, text string) error {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
		default:
			bad, _ := utf8.DecodeRuneInString(text[i:])
			return fmt.Errorf("%s: %w: digit %d is %q", what, ErrHex, i+1, bad)
		}
	}
	return nil
}

// decodeHex fills dst from exactly 2*len(dst) hex digits.
func decodeHex(what, text string, dst []byte) error {
	if err := checkHex(what, text); err != nil {
		return err
	}
	switch {
	case len(text) == 2*len(dst):
	case len(text)%2 == 1:
		return fmt.Errorf("%s: %w: got an odd number of hex digits, %d, want %d", what, ErrLength, len(text), 2*len(dst))
	default:
		return fmt.Errorf("%s: %w: got %d bytes (%d hex digits), want %d (%d)",
			what, ErrLength, len(text)/2, len(text), len(dst), 2*len(dst))
	}
	_, err := hex.Decode(dst, []byte(text))
	return err
}
