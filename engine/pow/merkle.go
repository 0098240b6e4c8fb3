package pow

import (
	"slices"

	"stele/kernels/sha256d"
)

// MerkleRoot returns the root of Bitcoin's Merkle tree over ids. On each level
// the last node of an odd number is paired with itself. The root of one id is
// that id; the root of none is the zero hash. The slice is not changed.
//
// Because of that pairing, a list whose end is repeated has the same root as
// the list without the repetition (CVE-2012-2459). Mutated reports, as Bitcoin
// Core does, that two nodes of a pair are equal on some level. A block with a
// mutated list must be rejected without remembering its hash as invalid: a valid
// block may have the same hash.
func MerkleRoot(ids []Hash) (root Hash, mutated bool) {
	if len(ids) == 0 {
		return Hash{}, false
	}
	level := slices.Clone(ids)
	for len(level) > 1 {
		for i := 0; i+1 < len(level); i += 2 {
			mutated = mutated || level[i] == level[i+1]
		}
		level = parents(level)
	}
	return level[0], mutated
}

// MerkleBranch returns the siblings on the path from ids[index] to the root, from
// the leaf upwards. It panics, as ids[index] would, if there is no such id.
func MerkleBranch(ids []Hash, index int) []Hash {
	_ = ids[index]
	var branch []Hash
	level := slices.Clone(ids)
	for len(level) > 1 {
		sibling := min(index^1, len(level)-1)
		branch = append(branch, level[sibling])
		level = parents(level)
		index >>= 1
	}
	return branch
}

// RootFromBranch returns the root of the tree in which branch is the Merkle branch
// of leaf at index. If it equals the root in a header, the block has the leaf.
func RootFromBranch(leaf Hash, branch []Hash, index int) Hash {
	node := leaf
	for _, sibling := range branch {
		if index&1 == 0 {
			node = parent(node, sibling)
		} else {
			node = parent(sibling, node)
		}
		index >>= 1
	}
	return node
}

// parents replaces a level of at least two nodes by the level above it, in
// place.
func parents(level []Hash) []Hash {
	pairs, last := len(level)/2, level[len(level)-1]
	sha256d.Pairs(level[:pairs], level[:2*pairs])
	if len(level)%2 == 1 {
		level[pairs] = parent(last, last)
		pairs++
	}
	return level[:pairs]
}

func parent(left, right Hash) Hash {
	var b [64]byte
	copy(b[:32], left[:])
	copy(b[32:], right[:])
	return Sum(b[:])
}
