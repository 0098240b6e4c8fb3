// Package sha256d computes the double SHA-256 of many messages, and of the nodes of
// Merkle trees.
//
// A [Kernel] is one variant of both functions: plain, which hashes one message after the
// other with SHA-256 of a library, or assembly for one instruction set, which hashes
// several at a time. [Best] benchmarks the variants that run on this CPU and returns the
// fastest; [Sum] and [Pairs] use it. [Lookup] returns one by name. [Variants] lists all,
// with the reason why a variant is not available. The environment variable STELE_CPU
// selects or disables variants by the same rules as for package simd.
//
// The package knows bytes only: a hash is 32 bytes as SHA-256 returns them.
//
// Caveats: a kernel that fails its known-answer test is never returned. Few messages are
// hashed one after the other by every kernel, since that is faster. The assembly is
// written by kernels/simd/gen. Go cannot preempt it; a call of it takes at most 0.2 ms.
package sha256d

import (
	"fmt"
	"unsafe"

	"github.com/klauspost/cpuid/v2"
)

// Message is hashed as the concatenation of its parts, any of which may be empty.
type Message [3][]byte

// size returns the length of the message in bytes.
func (m *Message) size() int { return len(m[0]) + len(m[1]) + len(m[2]) }

// Sum sets hashes[i] to the double SHA-256 of messages[i], with the fastest kernel. The
// messages may have any lengths, and must not overlap the hashes. It uses one core. Sum
// panics if there are not as many hashes as messages. Safe for concurrent use.
func Sum[H ~[32]byte](hashes []H, messages []Message) {
	bestFor(len(messages)).Sum(plainHashes(hashes), messages)
}

// Pairs sets parents[i] to the double SHA-256 of nodes[2i] and nodes[2i+1], with the
// fastest kernel: one level of a Merkle tree. parents may be the start of nodes, but
// must not overlap them otherwise. It uses one core. Pairs panics if there are not twice
// as many nodes as parents. Safe for concurrent use.
func Pairs[H ~[32]byte](parents, nodes []H) {
	bestFor(len(parents)).Pairs(plainHashes(parents), plainHashes(nodes))
}

// bestFor returns the fastest kernel for n hashes. For few it is plain, without a benchmark,
// and after [UsePlain] always.
func bestFor(n int) *Kernel {
	const few = 3
	if n < few || onlyPlain.Load() {
		return plain
	}
	return Best()
}

// plainHashes returns the same memory as slices of the underlying type.
func plainHashes[H ~[32]byte](hashes []H) [][32]byte {
	return unsafe.Slice((*[32]byte)(unsafe.Pointer(unsafe.SliceData(hashes))), len(hashes))
}

// Kernel is one variant of the two functions. Safe for concurrent use.
type Kernel struct {
	name string
	need []cpuid.FeatureID // instruction sets that it requires
	made bool              // for this architecture

	// The rest is for kernels in assembly. They hash lanes messages at a time, and
	// from least messages on that is faster than to hash one after the other.
	lanes, least int
	initial      *[maxLanes][32]byte // the states before the first block

	// blocks hashes the next steps blocks of the messages of a batch. If last is not
	// 0 these are the last, and it makes the hashes.
	blocks func(b *batch, steps, last uint64)

	// nodes is [Pairs] for turns times as many parents as there are lanes.
	nodes func(parents, nodes *[32]byte, turns uint64)
}

// Name returns the name of the kernel for [Lookup], STELE_CPU and the commands.
func (k *Kernel) Name() string { return k.name }

// Sum is the function [Sum] with this kernel.
func (k *Kernel) Sum(hashes [][32]byte, messages []Message) {
	if len(hashes) != len(messages) {
		panic(fmt.Sprintf("sha256d: %d hashes for %d messages", len(hashes), len(messages)))
	}
	if k.lanes == 0 || len(messages) < k.least {
		plainSum(hashes, messages)
		return
	}
	k.sum(hashes, messages)
}

// Pairs is the function [Pairs] with this kernel.
func (k *Kernel) Pairs(parents, nodes [][32]byte) {
	if 2*len(parents) != len(nodes) {
		panic(fmt.Sprintf("sha256d: %d parents for %d nodes", len(parents), len(nodes)))
	}
	if k.lanes == 0 || len(parents) < k.least {
		plainPairs(parents, nodes)
		return
	}
	k.pairs(parents, nodes)
}
