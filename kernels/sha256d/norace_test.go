//go:build !race

package sha256d

import "testing"

// Sum and Pairs use the pools for all that they need. The race detector empties pools at
// random.
func TestNoAllocations(t *testing.T) {
	messages, hashes, nodes := make([]Message, 100), make([][32]byte, 100), make([][32]byte, 200)
	for i := range messages {
		messages[i] = Message{make([]byte, i), make([]byte, 2*i)}
	}
	eachKernel(t, func(t *testing.T, k *Kernel) {
		allocations := testing.AllocsPerRun(100, func() {
			k.Sum(hashes, messages)
			k.Pairs(hashes, nodes)
		})
		if allocations >= 1 {
			t.Errorf("%.0f allocations", allocations)
		}
	})
}
