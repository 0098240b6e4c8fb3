package rules

import (
	"github.com/minio/sha256-simd"

	"stele/engine/pow"
)

// Digest returns the digest of a block's changes, chained to that of the block
// before: SHA-256d over prev, and key and new value of each change. So the digest
// of a block proves all changes since genesis. Changes must be in the order of
// keys, as [State.Changes] gives them. Prev is the zero hash for genesis.
func Digest(prev pow.Hash, changes []Change) pow.Hash {
	size := len(prev)
	for _, c := range changes {
		size += 4 + len(c.Key) + len(c.New)
	}
	b := append(make([]byte, 0, size), prev[:]...)
	for _, c := range changes {
		b = appendEntry(b, c.Key, c.New)
	}
	return pow.Sum(b)
}

// StateHash returns the SHA-256d of a whole state, whose entries iterate yields
// in the order of keys.
func StateHash(iterate func(yield func(key, value []byte) bool)) pow.Hash {
	h := sha256.New()
	var b []byte
	iterate(func(key, value []byte) bool {
		b = appendEntry(b[:0], key, value)
		h.Write(b)
		return true
	})
	return sha256.Sum256(h.Sum(nil))
}
