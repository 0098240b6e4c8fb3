package pow_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"stele/engine/pow"
)

// leaves returns n different ids.
func leaves(n int) []pow.Hash {
	ids := make([]pow.Hash, n)
	for i := range ids {
		ids[i] = doubleSum(binary.LittleEndian.AppendUint32(nil, uint32(i)))
	}
	return ids
}

// recursiveRoot is the root by its definition, from the top: the left half of
// a tree is the greatest power of two below the number of leaves, and a
// subtree that is not full is filled with copies of its own end.
func recursiveRoot(ids []pow.Hash, height int) pow.Hash {
	if height == 0 {
		return ids[0]
	}
	half := 1 << (height - 1)
	left := recursiveRoot(ids[:min(half, len(ids))], height-1)
	right := left
	if len(ids) > half {
		right = recursiveRoot(ids[half:], height-1)
	}
	return doubleSum(append(left[:], right[:]...))
}

func treeHeight(leaves int) int {
	height := 0
	for 1<<height < leaves {
		height++
	}
	return height
}

func TestMerkleRootAndBranches(t *testing.T) {
	for n := 1; n <= 40; n++ {
		ids := leaves(n)
		want := recursiveRoot(ids, treeHeight(n))
		root, mutated := pow.MerkleRoot(ids)
		if root != want || mutated {
			t.Errorf("%d leaves: root %v, mutated %v; want %v, false", n, root, mutated, want)
		}
		for i := range ids {
			branch := pow.MerkleBranch(ids, i)
			if len(branch) != treeHeight(n) {
				t.Errorf("%d leaves, leaf %d: branch of %d nodes, want %d", n, i, len(branch), treeHeight(n))
			}
			if got := pow.RootFromBranch(ids[i], branch, i); got != want {
				t.Errorf("%d leaves, leaf %d: branch leads to %v, want %v", n, i, got, want)
			}
			if other := i ^ 1; other < n {
				if got := pow.RootFromBranch(ids[i], branch, other); got == want {
					t.Errorf("%d leaves: branch of leaf %d also proves it as leaf %d", n, i, other)
				}
			}
		}
		if !slices.Equal(ids, leaves(n)) {
			t.Errorf("%d leaves: the ids were changed", n)
		}
	}
}

// Levels of so many nodes that they are hashed several at a time.
func TestLargeMerkleTrees(t *testing.T) {
	all := leaves(3000)
	for _, n := range []int{63, 64, 65, 127, 129, 200, 1023, 1025, 2999, 3000} {
		ids := all[:n]
		want := recursiveRoot(ids, treeHeight(n))
		if root, mutated := pow.MerkleRoot(ids); root != want || mutated {
			t.Errorf("%d leaves: root %v, mutated %v; want %v, false", n, root, mutated, want)
		}
		for _, i := range []int{0, n / 2, n - 1} {
			if got := pow.RootFromBranch(ids[i], pow.MerkleBranch(ids, i), i); got != want {
				t.Errorf("%d leaves, leaf %d: branch leads to %v, want %v", n, i, got, want)
			}
		}
		twin := append(slices.Clone(ids), ids[n-1])
		if root, mutated := pow.MerkleRoot(twin); n%2 == 1 && (root != want || !mutated) {
			t.Errorf("%d leaves and the last again: root %v, mutated %v; want %v, true", n, root, mutated, want)
		}
	}
}

func TestMerkleRootOfNothing(t *testing.T) {
	if root, mutated := pow.MerkleRoot(nil); root != (pow.Hash{}) || mutated {
		t.Errorf("root of no ids is %v, mutated %v", root, mutated)
	}
}

func TestMerkleRootOfRealBlocks(t *testing.T) {
	for _, c := range []struct {
		name string
		ids  []string
		root string
	}{
		{"genesis", []string{genesisRoot}, genesisRoot},
		{"block 100000", []string{
			"8c14f0db3df150123e6f3dbbf30f8b955a8249b62ac1d1ff16284aefa3d06d87",
			"fff2525b8931402dd09222c50775608f75787bd2b87e56995a7bdd30f79702c4",
			"6359f0868171b1d194cbee1af2f16ea598ae8fad666d9b012c8ed2b79a236ec4",
			"e9a66845e05d5abc0ad04ec80f774a7e585c6e8db975962d069a522137b80c1d",
		}, "f3e94742aca4b5ef85488dc37c06c3282295ffec960994b2c0d5ac2a25a95766"},
	} {
		var ids []pow.Hash
		for _, id := range c.ids {
			ids = append(ids, mustHash(t, id))
		}
		if root, mutated := pow.MerkleRoot(ids); root.String() != c.root || mutated {
			t.Errorf("%s: root %v, mutated %v; want %s", c.name, root, mutated, c.root)
		}
	}
}

// A list whose end is repeated so that the root stays the same (CVE-2012-2459)
// must be reported as mutated. Every length but the powers of two has one such twin.
func TestMerkleMutation(t *testing.T) {
	twins := 0
	for n := 1; n <= 40; n++ {
		ids := leaves(n)
		root, _ := pow.MerkleRoot(ids)
		for repeated := 1; repeated <= n; repeated++ {
			twin := append(slices.Clone(ids), ids[n-repeated:]...)
			got, mutated := pow.MerkleRoot(twin)
			if got != root {
				continue
			}
			twins++
			if !mutated {
				t.Errorf("%d ids and their last %d again: same root, and mutated is false", n, repeated)
			}
		}
	}
	if twins != 40-6 {
		t.Errorf("found %d twins, want 34", twins)
	}
}

func TestMerkleMutationAnywhere(t *testing.T) {
	for _, c := range []struct {
		order []int
		want  bool
	}{
		{[]int{0, 0}, true},
		{[]int{0, 0, 1}, true},           // first pair
		{[]int{0, 1, 1}, false},          // equal, but not a pair
		{[]int{0, 1, 2, 2}, true},        // last pair
		{[]int{0, 1, 0, 1}, true},        // second level
		{[]int{0, 1, 2, 3, 0, 1}, false}, // equal nodes, not a pair
		{[]int{0, 1, 2, 3, 2, 3}, false}, // the same one place on
		{[]int{0, 1, 2, 3, 4, 5, 4, 5}, true},
	} {
		var ids []pow.Hash
		for _, i := range c.order {
			ids = append(ids, leaves(6)[i])
		}
		if _, got := pow.MerkleRoot(ids); got != c.want {
			t.Errorf("ids %v: mutated is %v, want %v", c.order, got, c.want)
		}
	}
}

func TestMerkleBranchOutOfRange(t *testing.T) {
	for _, index := range []int{-1, 3} {
		t.Run(fmt.Sprint(index), func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Errorf("MerkleBranch of 3 ids, index %d, did not panic", index)
				}
			}()
			pow.MerkleBranch(leaves(3), index)
		})
	}
}
