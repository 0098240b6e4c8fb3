package sha256d

import (
	"crypto/sha256"
	"testing"
)

// standardSum is the double SHA-256 of the standard library.
func standardSum(parts ...[]byte) [32]byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return sha256.Sum256(h.Sum(nil))
}

func TestPlain(t *testing.T) {
	text := make([]byte, 300)
	for i := range text {
		text[i] = byte(i)
	}
	for n := range text {
		messages := []Message{{text[:n]}, {nil, text[:n]}, {text[:n/2], nil, text[n/2 : n]}, {text[:n/3], text[n/3 : n/2], text[n/2 : n]}}
		hashes := make([][32]byte, len(messages))
		Sum(hashes, messages)
		for i, h := range hashes {
			if h != standardSum(text[:n]) {
				t.Errorf("hash %d of %d bytes: %x", i, n, h)
			}
		}
	}
}
