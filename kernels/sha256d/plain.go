package sha256d

import (
	"hash"
	"sync"

	sha256 "github.com/minio/sha256-simd"
)

// plain hashes one message after the other, with the SHA instructions where the CPU has
// them.
var plain = &Kernel{name: "plain", made: true}

func plainSum(hashes [][32]byte, messages []Message) {
	for i := range messages {
		hashes[i] = sumOne(&messages[i])
	}
}

func plainPairs(parents, nodes [][32]byte) {
	var pair [64]byte
	for i := range parents {
		copy(pair[:32], nodes[2*i][:])
		copy(pair[32:], nodes[2*i+1][:])
		first := sha256.Sum256(pair[:])
		parents[i] = sha256.Sum256(first[:])
	}
}

// sumOne returns the double SHA-256 of a message.
func sumOne(m *Message) [32]byte {
	for _, part := range m {
		if len(part) == m.size() {
			first := sha256.Sum256(part)
			return sha256.Sum256(first[:])
		}
	}
	h := hashers.Get().(*hasher)
	defer hashers.Put(h)
	h.Reset()
	for _, part := range m {
		h.Write(part) // never returns an error
	}
	return sha256.Sum256(h.Hash.Sum(h.sum[:0]))
}

// hasher has room for the sum, so that it need not be allocated.
type hasher struct {
	hash.Hash
	sum [32]byte
}

var hashers = sync.Pool{New: func() any { return &hasher{Hash: sha256.New()} }}
