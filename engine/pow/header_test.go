package pow_test

import (
	"bytes"
	"errors"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

func TestGenesisHeader(t *testing.T) {
	h := mustHeader(t, genesisHex)
	want := pow.Header{
		Version:    1,
		MerkleRoot: mustHash(t, genesisRoot),
		Time:       1231006505,
		Bits:       0x1d00ffff,
		Nonce:      2083236893,
	}
	if h != want {
		t.Errorf("genesis header is %+v, want %+v", h, want)
	}
	if got := h.Hash().String(); got != genesisHash {
		t.Errorf("genesis hash is %s, want %s", got, genesisHash)
	}
}

// The header of the documentation of Stratum and getwork.
func TestBlock125552Header(t *testing.T) {
	h := mustHeader(t, block125552Hex)
	want := pow.Header{
		Version:    1,
		Prev:       mustHash(t, "00000000000008a3a41b85b8b29ad444def299fee21793cd8b9e567eab02cd81"),
		MerkleRoot: mustHash(t, "2b12fcf1b09288fcaff797d71e950e71ae42b91e8bdb2304758dfcffc2b620e3"),
		Time:       1305998791,
		Bits:       0x1a44b9f2,
		Nonce:      2504433986,
	}
	if h != want {
		t.Errorf("header is %+v, want %+v", h, want)
	}
	if got := h.Hash().String(); got != block125552Hash {
		t.Errorf("hash is %s, want %s", got, block125552Hash)
	}
}

func TestHeaderRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), pow.HeaderSize, pow.HeaderSize).Draw(t, "header")
		h, err := pow.DecodeHeader(b)
		if err != nil {
			t.Fatal(err)
		}
		encoded := h.Encode()
		if !bytes.Equal(encoded[:], b) {
			t.Fatalf("decoded and encoded again: %x, want %x", encoded, b)
		}
		if h.Hash() != doubleSum(b) {
			t.Fatalf("hash %v, want %v", h.Hash(), doubleSum(b))
		}
	})
}

func TestDecodeHeaderLength(t *testing.T) {
	for _, n := range []int{0, 1, 79, 81, 160} {
		_, err := pow.DecodeHeader(make([]byte, n))
		if !errors.Is(err, pow.ErrLength) {
			t.Errorf("%d bytes: %v, want %v", n, err, pow.ErrLength)
		}
	}
	_, err := pow.DecodeHeader(make([]byte, 79))
	if want := "header: wrong length: got 79 bytes, want 80"; err.Error() != want {
		t.Errorf("error is %q, want %q", err, want)
	}
}

func TestParseHeaderErrors(t *testing.T) {
	for _, c := range []struct {
		text string
		kind error
		want string
	}{
		{"", pow.ErrLength, "header: wrong length: got 0 bytes (0 hex digits), want 80 (160)"},
		{genesisHex[:158], pow.ErrLength, "header: wrong length: got 79 bytes (158 hex digits), want 80 (160)"},
		{genesisHex[:159], pow.ErrLength, "header: wrong length: got an odd number of hex digits, 159, want 160"},
		{genesisHex + "00", pow.ErrLength, "header: wrong length: got 81 bytes (162 hex digits), want 80 (160)"},
		{genesisHex[:100] + "O" + genesisHex[101:], pow.ErrHex, "header: not hexadecimal: digit 101 is 'O'"},
		{genesisHex + "\n", pow.ErrHex, `header: not hexadecimal: digit 161 is '\n'`},
	} {
		_, err := pow.ParseHeader(c.text)
		if !errors.Is(err, c.kind) || err.Error() != c.want {
			t.Errorf("ParseHeader(%q): %v, want %q", c.text, err, c.want)
		}
	}
}

func TestSetNonce(t *testing.T) {
	for _, nonce := range []uint32{0, 1, 0x01020304, 1<<32 - 1} {
		h := mustHeader(t, genesisHex)
		b := h.Encode()
		pow.SetNonce(&b, nonce)
		h.Nonce = nonce
		if b != h.Encode() {
			t.Errorf("nonce %#x: header is %x, want %x", nonce, b, h.Encode())
		}
	}
}

func TestCheckProofOfWork(t *testing.T) {
	genesis := mustHeader(t, genesisHex)
	hash := number(genesis.Hash())
	below := must(pow.TargetFromBig(new(big.Int).Sub(hash, big.NewInt(1))))(t)
	for _, c := range []struct {
		name   string
		change func(*pow.Header)
		limit  pow.Target
		want   error
	}{
		{"genesis", func(*pow.Header) {}, pow.Bitcoin.PowLimit, nil},
		{"limit equal to the target", func(*pow.Header) {}, mustTarget(t, "ffff"+strings.Repeat("0", 52)), nil},
		{"limit one below the target", func(*pow.Header) {}, mustTarget(t, "fffe"+strings.Repeat("f", 52)), pow.ErrTargetAboveLimit},
		{"limit below the hash", func(*pow.Header) {}, below, pow.ErrTargetAboveLimit},
		{"another nonce", func(h *pow.Header) { h.Nonce++ }, pow.Bitcoin.PowLimit, pow.ErrHighHash},
		{"easier bits", func(h *pow.Header) { h.Bits = 0x1d010000 }, pow.Bitcoin.PowLimit, pow.ErrTargetAboveLimit},
		{"easy bits, no limit", func(h *pow.Header) { h.Bits = 0x2100ffff }, pow.MaxTarget, nil},
		{"negative bits", func(h *pow.Header) { h.Bits = 0x1d80ffff }, pow.MaxTarget, pow.ErrBitsNegative},
		{"zero bits", func(h *pow.Header) { h.Bits = 0x1d000000 }, pow.MaxTarget, pow.ErrBitsZero},
		{"huge bits", func(h *pow.Header) { h.Bits = 0xff00ffff }, pow.MaxTarget, pow.ErrBitsOverflow},
	} {
		h := genesis
		c.change(&h)
		if err := h.CheckProofOfWork(c.limit); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Add(genesisHex)
	f.Add(strings.ToUpper(block125552Hex))
	f.Add(genesisHex[:159])
	f.Add(genesisHex[:79] + "z" + genesisHex[80:])
	f.Fuzz(func(t *testing.T, text string) {
		h, err := pow.ParseHeader(text)
		if (err == nil) != (len(text) == 160 && onlyHex(text)) {
			t.Fatalf("ParseHeader(%q): %v", text, err)
		}
		if err != nil {
			return
		}
		if b := h.Encode(); !bytes.Equal(b[:], mustBytes(t, text)) {
			t.Errorf("ParseHeader(%q) encodes as %x", text, b)
		}
	})
}
