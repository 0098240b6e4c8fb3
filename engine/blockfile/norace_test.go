//go:build !race

package blockfile

import (
	"testing"

	"stele/engine/blockfile/blockfiletest"
)

// A Block that has parsed a block allocates nothing for the next one. The race detector
// empties the pools of the kernels at random.
func TestNoAllocations(t *testing.T) {
	for hash, raw := range blockfiletest.SegwitBlocks(t) {
		var b Block
		allocs := testing.AllocsPerRun(10, func() {
			if err := b.Parse(raw); err != nil || b.CheckRules() != nil {
				t.Error(err)
			}
		})
		if allocs > 0 {
			t.Errorf("block %s: %v allocations", hash, allocs)
		}
	}
}
