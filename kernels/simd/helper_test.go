package simd

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"math/big"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/kernels/internal/selection"
)

// Properties see the same random values on every run; -rapid.seed=N gives
// others.
func init() {
	if err := flag.Set("rapid.seed", "1"); err != nil {
		panic(err)
	}
}

// realHeaders are headers of Bitcoin's main chain.
var realHeaders = []struct {
	height int
	hash   string
	header string
}{
	{0, "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f", "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c"},
	{1, "00000000839a8e6886ab5951d76f411475428afc90947ee320161bbf18eb6048", "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299"},
	{170, "00000000d1145790a8694403d4063f323d499e655c83426834d4ce2f8dd4a2ee", "0100000055bd840a78798ad0da853f68974f3d183e2bd1db6a842c1feecf222a00000000ff104ccb05421ab93e63f8c3ce5c2c2e9dbb37de2764b3a3175c8166562cac7d51b96a49ffff001d283e9e70"},
	{9999, "00000000fbc97cc6c599ce9c24dd4a2243e2bfd518eda56e1d5e47d29e29c3a7", "0100000009aa8d7b61c2862728e1e9fedc674da10e30a8e016fdfa4cf92dd33d000000007991a61fa11e7b352f63bb83fdc0867c7600a9d8f03103aa84566da4d2c11250e372d949ffff001d30adb4d4"},
	{125552, "00000000000000001e8d6829a8a21adc5d38d0a473b144b6765798e61f98bd1d", "0100000081cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000e320b6c2fffc8d750423db8b1eb942ae710e951ed797f7affc8892b0f1fc122bc7f5d74df2b9441a42a14695"},
	{277647, "0000000000000000054a714e580b16c583701712ab91060e92dbde6eb1e052a8", "0200000053e679859867227ce7365a95043041ec3946be2fab2668c80000000000000000c306afc96d3c0258c1952b53c660455e700451635d771fbe235cb08e2931ac36feccc0520ca303195d03ba96"},
}

// realHeader returns the header of block i of the table.
func realHeader(t testing.TB, i int) pow.Header {
	t.Helper()
	h, err := pow.ParseHeader(realHeaders[i].header)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// missing returns why the kernel need not run here: it is of another
// architecture, this CPU lacks its instruction sets, or STELE_CPU switches it
// off. It does not say whether the kernel works.
func missing(t testing.TB, k *Kernel) string {
	t.Helper()
	isAllowed, err := allowed()
	if err != nil {
		t.Fatal(err)
	}
	if k.search == nil {
		return "not made for " + runtime.GOARCH
	}
	for _, f := range k.need {
		if !f.present() {
			return fmt.Sprintf("this CPU has no %v", f)
		}
	}
	if !isAllowed(k.name) {
		return selection.Disabled().Error()
	}
	return ""
}

// eachKernel runs a subtest for every kernel of this architecture, under its
// name. TestEveryVariantRuns sees to it that none is left out wrongly.
func eachKernel(t *testing.T, test func(t *testing.T, k *Kernel)) {
	t.Helper()
	for _, k := range kernels {
		if k.search == nil {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			if reason := missing(t, k); reason != "" {
				t.Skip(reason)
			}
			test(t, k)
		})
	}
}

// presentKernels are the kernels that eachKernel does not skip.
func presentKernels(t testing.TB) []*Kernel {
	t.Helper()
	return slices.DeleteFunc(slices.Clone(kernels), func(k *Kernel) bool { return missing(t, k) != "" })
}

// setKernels replaces the dispatch table until the test ends.
func setKernels(t *testing.T, table ...*Kernel) {
	t.Helper()
	old := kernels
	t.Cleanup(func() { kernels = old })
	kernels = table
}

// newRand returns random numbers that are the same on every run.
func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

func fill(rng *rand.Rand, b []byte) {
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
}

func randomHeader(rng *rand.Rand) (header [pow.HeaderSize]byte) {
	fill(rng, header[:])
	return header
}

// standardSum is SHA-256d by the standard library.
func standardSum(b []byte) [32]byte {
	first := sha256.Sum256(b)
	return sha256.Sum256(first[:])
}

// hashesOf are the hashes of the header for n nonces from first on, by the
// standard library.
func hashesOf(header [pow.HeaderSize]byte, first uint32, n int) [][32]byte {
	hashes := make([][32]byte, n)
	for i := range hashes {
		pow.SetNonce(&header, first+uint32(i))
		hashes[i] = standardSum(header[:])
	}
	return hashes
}

// hits are the nonces from first on whose hash meets the target.
func hits(hashes [][32]byte, first uint32, target pow.Target) []uint32 {
	var nonces []uint32
	for i, h := range hashes {
		if target.MetBy(h) {
			nonces = append(nonces, first+uint32(i))
		}
	}
	return nonces
}

// candidatesOf is what a search sets for nonces with these hashes, 64 to a
// word, when top is the most significant word of the target.
func candidatesOf(hashes [][32]byte, top uint32) []uint64 {
	words := make([]uint64, len(hashes)/group)
	for i, h := range hashes {
		if topOf(h) <= top {
			words[i/group] |= 1 << (i % group)
		}
	}
	return words
}

// targetBelow is 2^bits-1.
func targetBelow(t testing.TB, bits uint) pow.Target {
	t.Helper()
	one := big.NewInt(1)
	target, err := pow.TargetFromBig(new(big.Int).Sub(new(big.Int).Lsh(one, bits), one))
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// targetOf is the number that a hash stands for, plus delta.
func targetOf(t testing.TB, h pow.Hash, delta int64) pow.Target {
	t.Helper()
	slices.Reverse(h[:])
	target, err := pow.TargetFromBig(new(big.Int).Add(new(big.Int).SetBytes(h[:]), big.NewInt(delta)))
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func anyHeader() *rapid.Generator[[pow.HeaderSize]byte] {
	return rapid.Map(rapid.SliceOfN(rapid.Byte(), pow.HeaderSize, pow.HeaderSize), func(b []byte) [pow.HeaderSize]byte {
		return [pow.HeaderSize]byte(b)
	})
}

// anyTarget draws targets that from all to few hashes meet.
func anyTarget() *rapid.Generator[pow.Target] {
	return rapid.Custom(func(t *rapid.T) pow.Target {
		return pow.Target{
			rapid.Uint64().Draw(t, "limb 0"), rapid.Uint64().Draw(t, "limb 1"), rapid.Uint64().Draw(t, "limb 2"),
			rapid.Uint64().Draw(t, "limb 3") >> rapid.IntRange(0, 12).Draw(t, "zero bits"),
		}
	})
}

// anyNonce draws nonces, often close to an end of their range.
func anyNonce() *rapid.Generator[uint32] {
	near := rapid.Map(rapid.Int32Range(-300, 300), func(n int32) uint32 { return uint32(n) })
	return rapid.OneOf(near, rapid.Uint32())
}

// mustPanic checks that f panics with this message.
func mustPanic(t *testing.T, message string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := recover(); got != message {
			t.Errorf("panicked with %v, want %q", got, message)
		}
	}()
	f()
}
