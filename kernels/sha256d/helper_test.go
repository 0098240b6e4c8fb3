package sha256d

import (
	"flag"
	"math/rand/v2"
	"strings"
	"testing"

	"stele/kernels/internal/selection"
)

// Properties see the same random values on every run; -rapid.seed=N gives
// others.
func init() {
	if err := flag.Set("rapid.seed", "1"); err != nil {
		panic(err)
	}
}

// missing returns why the kernel need not run here: it is of another architecture, this
// CPU lacks its instruction sets, or STELE_CPU disables it. It does not say whether the
// kernel works.
func missing(t testing.TB, k *Kernel) string {
	t.Helper()
	allowed, err := selection.Allowed(selection.Messages)
	switch {
	case err != nil:
		t.Fatal(err)
	case !k.made:
		return "of another architecture"
	case len(k.lacking()) > 0:
		return "this CPU has no " + strings.Join(k.lacking(), ", ")
	case !allowed(k.name):
		return selection.Disabled().Error()
	}
	return ""
}

// eachKernel runs a subtest for every kernel that can run here, under its name.
// TestEveryVariantRuns proves that none is left out wrongly.
func eachKernel(t *testing.T, test func(t *testing.T, k *Kernel)) {
	t.Helper()
	for _, k := range kernels {
		t.Run(k.name, func(t *testing.T) {
			if reason := missing(t, k); reason != "" {
				t.Skip(reason)
			}
			test(t, k)
		})
	}
}

// setKernels replaces the dispatch table until the test ends.
func setKernels(t *testing.T, table ...*Kernel) {
	t.Helper()
	old := kernels
	t.Cleanup(func() { kernels = old })
	kernels = table
}

// randomBytes returns bytes that are the same on every run.
func randomBytes(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// randomHashes returns hashes that are the same on every run.
func randomHashes(seed uint64, n int) [][32]byte {
	hashes := make([][32]byte, n)
	b := randomBytes(seed, 32*n)
	for i := range hashes {
		copy(hashes[i][:], b[32*i:])
	}
	return hashes
}

// doubleSums are the hashes of messages by the standard library.
func doubleSums(messages []Message) [][32]byte {
	hashes := make([][32]byte, len(messages))
	for i, m := range messages {
		hashes[i] = doubleSum(m[:]...)
	}
	return hashes
}

// doublePairs are the parents of nodes by the standard library.
func doublePairs(nodes [][32]byte) [][32]byte {
	parents := make([][32]byte, len(nodes)/2)
	for i := range parents {
		parents[i] = doubleSum(nodes[2*i][:], nodes[2*i+1][:])
	}
	return parents
}
