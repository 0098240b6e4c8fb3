package record

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func fromHex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The vectors of RFC 8032, section 7.1.
func TestRFC8032(t *testing.T) {
	abc := sha512.Sum512([]byte("abc"))
	for _, v := range []struct{ name, seed, key, message, signature string }{
		{
			"TEST 1",
			"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
			"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
			"",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
		},
		{
			"TEST 2",
			"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
			"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
			"72",
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
		},
		{
			"TEST 3",
			"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
			"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
			"af82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
		},
		{
			"TEST SHA(abc)",
			"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
			"ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
			hex.EncodeToString(abc[:]),
			"dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
		},
	} {
		t.Run(v.name, func(t *testing.T) {
			key := KeyFromSeed([32]byte(fromHex(t, v.seed)))
			public, message := PublicOf(key), fromHex(t, v.message)
			if got := hex.EncodeToString(public[:]); got != v.key {
				t.Errorf("public key %s, want %s", got, v.key)
			}
			signature := Signature(ed25519.Sign(key, message))
			if got := hex.EncodeToString(signature[:]); got != v.signature {
				t.Errorf("signature %s, want %s", got, v.signature)
			}
			if !public.Signed(message, signature) {
				t.Error("the signature is not valid")
			}
			signature[0] ^= 1
			if public.Signed(message, signature) {
				t.Error("another signature is valid")
			}
		})
	}
}

func TestNewKey(t *testing.T) {
	a, err := NewKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if a.Equal(b) {
		t.Error("two keys are equal")
	}
	seed := bytes.Repeat([]byte{7}, 40)
	c, err := NewKey(bytes.NewReader(seed))
	if err != nil {
		t.Fatal(err)
	}
	if !c.Equal(KeyFromSeed([32]byte(seed))) {
		t.Error("the key is not made of what the reader gave")
	}
	broken := errors.New("broken")
	if _, err := NewKey(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	if _, err := NewKey(bytes.NewReader(seed[:31])); err == nil {
		t.Error("a key of 31 bytes")
	}
}

func TestKeyText(t *testing.T) {
	k := PublicOf(testKey(0))
	text := k.String()
	if len(text) != 72 || !strings.HasPrefix(text, hex.EncodeToString(k[:])) {
		t.Fatalf("text is %s", text)
	}
	for _, good := range []string{text, strings.ToUpper(text)} {
		if got, err := ParseKey(good); err != nil || got != k {
			t.Errorf("ParseKey(%s) = %v, %v", good, got, err)
		}
	}
	for _, bad := range []struct{ text, want string }{
		{"", "0 characters"},
		{text[:64], "64 characters"},
		{text + "00", "74 characters"},
		{"g" + text[1:], "not hexadecimal"},
		{text[1:2] + text[:1] + text[2:], "checksum"},
	} {
		if _, err := ParseKey(bad.text); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("ParseKey(%q): error %v, want one with %q", bad.text, err, bad.want)
		}
	}
}

// A mistyped digit is noticed, whichever it is.
func TestKeyTextTypo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(Key(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")).String())
		i := rapid.IntRange(0, len(text)-1).Draw(t, "place")
		digit := rapid.SampledFrom([]byte("0123456789abcdef")).Draw(t, "digit")
		same := text[i] == digit
		text[i] = digit
		if _, err := ParseKey(string(text)); (err == nil) != same {
			t.Fatalf("error %v", err)
		}
	})
}

func TestSignatureText(t *testing.T) {
	var s, got Signature
	if text, err := s.MarshalText(); err != nil || len(text) != 0 {
		t.Errorf("the text of a missing signature is %q, %v", text, err)
	}
	s[63] = 5
	text, err := s.MarshalText()
	if err != nil || len(text) != 128 {
		t.Fatalf("text %s, %v", text, err)
	}
	if err := got.UnmarshalText(text); err != nil || got != s {
		t.Errorf("got %v, %v", got, err)
	}
	if err := got.UnmarshalText(nil); err != nil || got != (Signature{}) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"00", string(text[1:]), string(text) + "0", "x" + string(text[1:])} {
		if err := got.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is a signature", bad)
		}
	}
}
