package sha256d

import (
	"encoding/binary"

	"github.com/klauspost/cpuid/v2"
)

// kernels is the dispatch table, the widest first.
var kernels = []*Kernel{
	{
		name: "avx512", made: true,
		need:  []cpuid.FeatureID{cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512VL},
		lanes: 32, least: 7, initial: initial(16, [8]int{0, 1, 2, 3, 4, 5, 6, 7}),
		blocks: avx512Messages,
		nodes:  avx512Pairs,
	},
	{
		name: "shani", made: true,
		need:  []cpuid.FeatureID{cpuid.SHA, cpuid.AVX, cpuid.AVX2},
		lanes: 4, least: 3, initial: initial(1, [8]int{5, 4, 1, 0, 7, 6, 3, 2}),
		blocks: shaniMessages,
		nodes:  shaniPairs,
	},
	plain,
}

// initial returns the initial states as a kernel keeps them: each word of the state in
// lanes lanes at a time, in some order of the words.
func initial(lanes int, words [8]int) *[maxLanes][32]byte {
	iv := [8]uint32{
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	}
	states := new([maxLanes][32]byte)
	for i := range maxLanes * 8 {
		binary.LittleEndian.PutUint32(states[i/8][i%8*4:], iv[words[i/lanes%8]])
	}
	return states
}

//go:noescape
func avx512Messages(b *batch, steps, last uint64)

//go:noescape
func avx512Pairs(parents, nodes *[32]byte, turns uint64)

//go:noescape
func shaniMessages(b *batch, steps, last uint64)

//go:noescape
func shaniPairs(parents, nodes *[32]byte, turns uint64)
