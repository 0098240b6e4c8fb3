package pow

import (
	"cmp"
	"fmt"
	"math/big"
	"math/bits"
)

// This file has the 256-bit arithmetic of Target and Work. A number is four
// little-endian limbs.

func cmpLimbs(a, b [4]uint64) int {
	for i := 3; i > 0; i-- {
		if a[i] != b[i] {
			return cmp.Compare(a[i], b[i])
		}
	}
	return cmp.Compare(a[0], b[0])
}

func bitLen(a [4]uint64) int {
	for i := 3; i >= 0; i-- {
		if a[i] != 0 {
			return 64*i + bits.Len64(a[i])
		}
	}
	return 0
}

func hexOf(a [4]uint64) string {
	return fmt.Sprintf("%016x%016x%016x%016x", a[3], a[2], a[1], a[0])
}

func bigOf(a [4]uint64) *big.Int {
	n := new(big.Int)
	for i := 3; i >= 0; i-- {
		n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(a[i]))
	}
	return n
}

// limbsOf returns the low 256 bits of n, which is not negative.
func limbsOf(n *big.Int) [4]uint64 {
	var a [4]uint64
	rest := new(big.Int).Set(n)
	for i := range a {
		a[i] = new(big.Int).And(rest, maxUint64).Uint64()
		rest.Rsh(rest, 64)
	}
	return a
}

var maxUint64 = new(big.Int).SetUint64(^uint64(0))
