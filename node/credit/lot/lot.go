// Package lot draws numbers that follow from a seed, so that everybody who has the seed
// draws the same ones.
package lot

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/minio/sha256-simd"
)

// Lot makes numbers that follow from a seed: number i is the first 8 bytes,
// little-endian, of the SHA-256 of the seed and i (8 bytes, little-endian). Not safe for
// concurrent use.
type Lot struct {
	seed  [32]byte
	count uint64
}

// New returns a lot whose seed is the SHA-256 of some bytes.
func New(from []byte) *Lot { return &Lot{seed: sha256.Sum256(from)} }

// Below returns a number below n, all of them equally likely. N is at least 1.
func (l *Lot) Below(n uint64) uint64 {
	tooMany := -n % n // 2^64 mod n
	for {
		hash := sha256.Sum256(binary.LittleEndian.AppendUint64(slices.Clone(l.seed[:]), l.count))
		l.count++
		if r := binary.LittleEndian.Uint64(hash[:]); r <= math.MaxUint64-tooMany {
			return r % n
		}
	}
}
