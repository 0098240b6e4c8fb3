package keyfile

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"stele/node/ledger/record"
)

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func TestEncrypt(t *testing.T) {
	key := record.KeyFromSeed([32]byte{1, 2, 3})
	text, err := Encrypt(key, "open sesame", MinWorkFactor)
	if err != nil {
		t.Fatal(err)
	}
	if public, err := PublicKey(text); err != nil || public != record.PublicOf(key) {
		t.Errorf("the text names %v, %v", public, err)
	}
	if got, err := Decrypt(text, "open sesame"); err != nil || !bytes.Equal(got.Seed(), key.Seed()) {
		t.Errorf("another key comes back, %v", err)
	}
	_, err = Decrypt(text, "open barley")
	wantError(t, err, ErrPassphrase)
	_, err = Decrypt(text, "")
	wantError(t, err, ErrPassphrase)
	_, err = Decrypt(text[:len(text)/2], "open sesame")
	wantError(t, err, ErrFormat)
	_, err = Encrypt(key, "", MinWorkFactor)
	wantError(t, err, ErrPassphrase)
	other := record.PublicOf(record.KeyFromSeed([32]byte{4})).String()
	swapped := strings.Replace(string(text), record.PublicOf(key).String(), other, 1)
	_, err = Decrypt([]byte(swapped), "open sesame")
	wantError(t, err, ErrFormat)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("stele key file, version 1\npublic key: " + record.PublicOf(record.KeyFromSeed([32]byte{})).String() + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		key, sealed, err := parse(text)
		if err != nil {
			wantError(t, err, ErrFormat)
			return
		}
		back := firstLine + "\n" + keyLabel + key.String() + "\n" + string(sealed)
		if !strings.EqualFold(back, string(text)) {
			t.Errorf("%q is read as %q", text, back)
		}
	})
}
