// Package sha256d computes the double SHA-256 of many messages, and of the nodes of
// Merkle trees.
//
// A [Kernel] is one variant of both functions. [Best] benchmarks the variants that run
// on this CPU and returns the fastest; [Sum] and [Pairs] use it. [Lookup] returns one by
// name, and [Variants] lists all. The environment variable STELE_CPU selects or disables
// variants, as it does for the kernels of the nonce search; plain is always available,
// so that it remains where no other variant is allowed.
//
// The package knows bytes only: a hash is 32 bytes as SHA-256 returns them.
package sha256d

import (
	"fmt"
	"unsafe"
)

// Message is hashed as the concatenation of its parts, any of which may be empty.
type Message [3][]byte

// size returns the length of the message in bytes.
func (m *Message) size() int { return len(m[0]) + len(m[1]) + len(m[2]) }

// Sum sets hashes[i] to the double SHA-256 of messages[i], with the fastest kernel. The
// messages may have any lengths, and must not overlap the hashes. It uses one core. Sum
// panics if there are not as many hashes as messages. Safe for concurrent use.
func Sum[H ~[32]byte](hashes []H, messages []Message) { Best().Sum(plainHashes(hashes), messages) }

// Pairs sets parents[i] to the double SHA-256 of nodes[2i] and nodes[2i+1], with the
// fastest kernel: one level of a Merkle tree. parents may be the start of nodes, but
// must not overlap them otherwise. It uses one core. Pairs panics if there are not twice
// as many nodes as parents. Safe for concurrent use.
func Pairs[H ~[32]byte](parents, nodes []H) { Best().Pairs(plainHashes(parents), plainHashes(nodes)) }

// plainHashes returns the same memory as slices of the underlying type.
func plainHashes[H ~[32]byte](hashes []H) [][32]byte {
	return unsafe.Slice((*[32]byte)(unsafe.Pointer(unsafe.SliceData(hashes))), len(hashes))
}

// Kernel is one variant of the two functions. Safe for concurrent use.
type Kernel struct {
	name  string
	sum   func(hashes [][32]byte, messages []Message)
	pairs func(parents, nodes [][32]byte)
}

// Name returns the name of the kernel for [Lookup], STELE_CPU and the commands.
func (k *Kernel) Name() string { return k.name }

// Sum is [Sum] with this kernel.
func (k *Kernel) Sum(hashes [][32]byte, messages []Message) {
	if len(hashes) != len(messages) {
		panic(fmt.Sprintf("sha256d: %d hashes for %d messages", len(hashes), len(messages)))
	}
	k.sum(hashes, messages)
}

// Pairs is [Pairs] with this kernel.
func (k *Kernel) Pairs(parents, nodes [][32]byte) {
	if 2*len(parents) != len(nodes) {
		panic(fmt.Sprintf("sha256d: %d parents for %d nodes", len(parents), len(nodes)))
	}
	k.pairs(parents, nodes)
}

// Best returns the fastest kernel of this CPU.
func Best() *Kernel { return plain }
