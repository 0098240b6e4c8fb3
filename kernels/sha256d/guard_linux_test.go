package sha256d

import (
	"bytes"
	"runtime/debug"
	"slices"
	"testing"

	"stele/kernels/internal/guardtest"
)

// A kernel may read and write no byte outside of what it is given: a fault would be a
// panic with an address.
func TestNoAccessOutside(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	text := randomBytes(7, 1200)
	nodes := randomHashes(8, 2*200)
	eachKernel(t, func(t *testing.T, k *Kernel) {
		for _, atEnd := range []bool{false, true} {
			for _, n := range []int{0, 1, 55, 56, 63, 64, 65, 127, 128, 200, 511, 512, 513, 1200} {
				m := guardtest.Values[byte](t, n, atEnd)
				copy(m, text)
				messages := slices.Repeat([]Message{{m}, {m[:n/2], m[n/2:]}, {text[:30], m, text[:40]}}, 12)
				hashes := guardtest.Values[[32]byte](t, len(messages), atEnd)
				k.Sum(hashes, messages)
				if !slices.Equal(hashes, doubleSums(messages)) {
					t.Errorf("%d bytes at the end of a page (%v): hashes differ", n, atEnd)
				}
				if !bytes.Equal(m, text[:n]) {
					t.Errorf("%d bytes at the end of a page (%v): the message has changed", n, atEnd)
				}
			}
			for _, n := range []int{1, 3, 4, 7, 8, 16, 31, 32, 33, 64, 67, 200} {
				from, to := guardtest.Values[[32]byte](t, 2*n, atEnd), guardtest.Values[[32]byte](t, n, atEnd)
				copy(from, nodes)
				k.Pairs(to, from)
				if !slices.Equal(to, doublePairs(nodes[:2*n])) {
					t.Errorf("%d parents at the end of a page (%v) differ", n, atEnd)
				}
			}
		}
	})
}
