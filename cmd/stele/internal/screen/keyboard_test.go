package screen

import (
	"strings"
	"testing"
)

// A keyboard reads each key of a terminal until its input ends, and none of anything
// else.
func TestKeyboard(t *testing.T) {
	const keys = "hprPRx\x00\x1b[A?hqQ\x03\x04"
	k, got := &Keyboard{in: strings.NewReader(keys), close: func() {}}, ""
	k.Read(func(key byte) { got += string(rune(key)) })
	if got != keys || !k.IsOpen() {
		t.Errorf("read %q, want %q", got, keys)
	}
	none := OpenKeyboard(strings.NewReader("q"), true) // not a terminal
	none.Read(func(byte) { t.Error("a key of a reader that is not a terminal") })
	if none.IsOpen() {
		t.Error("a reader that is not a terminal is open")
	}
	none.Close()
}
