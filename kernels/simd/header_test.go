package simd

import (
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

// What this package repeats of package pow is the same here.
func TestHeaderAgreesWithPow(t *testing.T) {
	if headerSize != pow.HeaderSize {
		t.Errorf("a header has %d bytes, want %d", headerSize, pow.HeaderSize)
	}
	rapid.Check(t, func(t *rapid.T) {
		header, nonce, target := anyHeader().Draw(t, "header"), anyNonce().Draw(t, "nonce"), anyTarget().Draw(t, "target")
		want := header
		pow.SetNonce(&want, nonce)
		if setNonce(&header, nonce); header != want {
			t.Fatalf("header with nonce %d is %x, want %x", nonce, header, want)
		}
		hash := doubleSum(header[:])
		if hash != pow.Sum(header[:]) {
			t.Fatalf("hash %x, want %v", hash, pow.Sum(header[:]))
		}
		limit := target.Bytes()
		if topOf(limit) != target.Top32() {
			t.Fatalf("top of %v is %08x", target, topOf(limit))
		}

		// Numbers that are equal but for one byte decide in every word.
		number := limit
		number[rapid.IntRange(0, 31).Draw(t, "byte")] += byte(rapid.IntRange(-1, 1).Draw(t, "delta"))
		for _, h := range []pow.Hash{hash, number} {
			if got, want := meets((*[32]byte)(&h), &limit), target.MetBy(h); got != want {
				t.Fatalf("%v meets %v: %v, want %v", h, target, got, want)
			}
		}
	})
}
