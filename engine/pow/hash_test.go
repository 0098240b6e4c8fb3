package pow_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

func TestSum(t *testing.T) {
	const hello = "503d8319a48348cdc610a582f7bf754b5833df65038606eb48510790dfc99595" // of "hello", internal order
	if got, want := pow.Sum([]byte("hello")), mustBytes(t, "9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50"); got != pow.Hash(want) {
		t.Errorf("Sum(hello) = %x, want %x", got[:], want)
	}
	if got := pow.Sum([]byte("hello")).String(); got != hello {
		t.Errorf("Sum(hello) shows as %s, want %s", got, hello)
	}
}

func TestSumMatchesStandardLibrary(t *testing.T) {
	b := make([]byte, 300)
	for i := range b {
		b[i] = byte(i % 251) // a prime, so that no block of 64 bytes repeats another
	}
	for n := range b {
		if got, want := pow.Sum(b[:n]), doubleSum(b[:n]); got != want {
			t.Fatalf("%d bytes: Sum = %v, want %v", n, got, want)
		}
	}
}

func TestHashDisplayOrder(t *testing.T) {
	h := mustHash(t, "00"+strings.Repeat("ab", 30)+"01")
	if h[0] != 0x01 || h[31] != 0x00 {
		t.Errorf("parsed hash is %x, want the display order reversed", h[:])
	}
}

func TestHashTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := anyHash().Draw(t, "hash")
		got, err := pow.ParseHash(h.String())
		if err != nil || got != h {
			t.Fatalf("ParseHash(%v) = %v, %v", h, got, err)
		}
	})
}

func TestParseHashErrors(t *testing.T) {
	for _, c := range []struct {
		text string
		kind error
		want string
	}{
		{"", pow.ErrLength, "hash: wrong length: got 0 bytes (0 hex digits), want 32 (64)"},
		{"00ff", pow.ErrLength, "hash: wrong length: got 2 bytes (4 hex digits), want 32 (64)"},
		{strings.Repeat("0", 63), pow.ErrLength, "hash: wrong length: got an odd number of hex digits, 63, want 64"},
		{strings.Repeat("0", 66), pow.ErrLength, "hash: wrong length: got 33 bytes (66 hex digits), want 32 (64)"},
		{strings.Repeat("0", 63) + "g", pow.ErrHex, "hash: not hexadecimal: digit 64 is 'g'"},
		{"0x" + strings.Repeat("0", 62), pow.ErrHex, "hash: not hexadecimal: digit 2 is 'x'"},
		{"é", pow.ErrHex, "hash: not hexadecimal: digit 1 is 'é'"},
		{"0\xff", pow.ErrHex, "hash: not hexadecimal: digit 2 is '\ufffd'"},
	} {
		_, err := pow.ParseHash(c.text)
		if !errors.Is(err, c.kind) || err.Error() != c.want {
			t.Errorf("ParseHash(%q): %v, want %q", c.text, err, c.want)
		}
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add(genesisHash)
	f.Add(strings.ToUpper(block125552Hash))
	f.Add("00")
	f.Add(strings.Repeat("é", 32))
	f.Fuzz(func(t *testing.T, text string) {
		h, err := pow.ParseHash(text)
		if err == nil && h.String() != strings.ToLower(text) {
			t.Errorf("ParseHash(%q) = %v", text, h)
		}
		if (err == nil) != (len(text) == 64 && onlyHex(text)) {
			t.Errorf("ParseHash(%q): %v", text, err)
		}
	})
}

func onlyHex(text string) bool {
	return strings.Trim(text, "0123456789abcdefABCDEF") == ""
}
