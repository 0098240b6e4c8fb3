package pow

import (
	"math/big"
	"math/bits"
)

// Work is the expected number of hashes for a block or a chain of blocks: an
// unsigned 256-bit number in little-endian limbs, as [Target]. The zero value is
// no work.
type Work [4]uint64

var maxWork = Work(MaxTarget)

// two256 is 2^256.
var two256 = new(big.Int).Lsh(big.NewInt(1), 256)

// Work returns the expected number of hashes to meet t: 2^256/(t+1), rounded
// down, as GetBlockProof in Bitcoin Core. The work of a zero target, which no
// valid block has, is zero.
func (t Target) Work() Work {
	if t == (Target{}) {
		return Work{}
	}
	n := t.Big()
	n.Add(n, big.NewInt(1))
	return limbsOf(n.Quo(two256, n))
}

// Add returns w+v, and at most 2^256-1.
func (w Work) Add(v Work) Work {
	var sum Work
	var carry uint64
	for i := range sum {
		sum[i], carry = bits.Add64(w[i], v[i], carry)
	}
	if carry != 0 {
		return maxWork
	}
	return sum
}

// Cmp returns -1, 0 or 1 as w is less than, equal to or greater than v.
func (w Work) Cmp(v Work) int { return cmpLimbs(w, v) }

// Big returns w as a big integer.
func (w Work) Big() *big.Int { return bigOf(w) }

// String returns 64 hex digits, most significant first, as the field chainwork of
// Bitcoin Core.
func (w Work) String() string { return hexOf(w) }
