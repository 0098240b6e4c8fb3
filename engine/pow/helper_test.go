package pow_test

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

// Properties get the same random values in every run; -rapid.seed=N gives
// others.
func init() {
	if err := flag.Set("rapid.seed", "1"); err != nil {
		panic(err)
	}
}

// Real headers of Bitcoin.
const (
	genesisHex  = "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c"
	genesisHash = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
	genesisRoot = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"

	block125552Hex  = "0100000081cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000e320b6c2fffc8d750423db8b1eb942ae710e951ed797f7affc8892b0f1fc122bc7f5d74df2b9441a42a14695"
	block125552Hash = "00000000000000001e8d6829a8a21adc5d38d0a473b144b6765798e61f98bd1d"
)

// doubleSum is pow.Sum by the standard library.
func doubleSum(b []byte) pow.Hash {
	first := sha256.Sum256(b)
	return sha256.Sum256(first[:])
}

// number returns a hash as a number.
func number(h pow.Hash) *big.Int {
	slices.Reverse(h[:])
	return new(big.Int).SetBytes(h[:])
}

// power returns 2^n.
func power(n uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), n) }

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func mustHeader(t testing.TB, hex string) pow.Header {
	t.Helper()
	return must(pow.ParseHeader(hex))(t)
}

func mustHash(t testing.TB, display string) pow.Hash {
	t.Helper()
	return must(pow.ParseHash(display))(t)
}

func mustTarget(t testing.TB, hex string) pow.Target {
	t.Helper()
	return must(pow.ParseTarget(hex))(t)
}

func mustBytes(t testing.TB, text string) []byte {
	t.Helper()
	return must(hex.DecodeString(text))(t)
}

// anyTarget draws targets of every length, the borders among them.
func anyTarget() *rapid.Generator[pow.Target] {
	return rapid.Custom(func(t *rapid.T) pow.Target {
		limb := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1, 1<<63 - 1, 1 << 63, 1<<64 - 1}))
		var target pow.Target
		for i := range rapid.IntRange(0, 4).Draw(t, "limbs") {
			target[i] = limb.Draw(t, "limb")
		}
		return target
	})
}

func anyHash() *rapid.Generator[pow.Hash] {
	return rapid.Custom(func(t *rapid.T) pow.Hash {
		return pow.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
	})
}
