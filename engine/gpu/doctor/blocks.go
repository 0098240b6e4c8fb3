package doctor

import (
	"context"
	"encoding/hex"
	"fmt"

	"stele/engine"
	"stele/engine/gpu"
	"stele/engine/pow"
)

// The known answers about blocks: the only transaction of Bitcoin's block 0, whose id is
// the Merkle root in the header, and block 170, the first with two transactions.
const (
	firstTransaction = "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000"
	block170First    = "b1fea52486ce0c62bb442b530a3f0132b826c74e473d1f2c220bfa78111c5082"
	block170Second   = "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16"
	block170Root     = "7dac2c5666815c17a3b36427de37bb9d2e2c5ccec3f8633eb91a4205cb4c10ff"
)

// hashKernels is the name of the kernels that hash blocks, in the name of a step.
const hashKernels = "hash and merkle"

// blocksOfGPU examines the kernels that hash blocks.
func (w *walk) blocksOfGPU(ctx context.Context, id string) {
	open := func() (engine.Device, error) { return w.open(gpu.Options{Device: id, NoTune: true}) }
	if !w.answers(ctx, id, hashKernels, open, examineBlocks) {
		w.release(ctx)
	}
}

// examineBlocks is examine for those kernels.
func examineBlocks(ctx context.Context, d engine.Device) (found string, err error) {
	m, ok := d.(engine.Merkler)
	if !ok {
		return "", fmt.Errorf("device %s does not hash blocks", d.Info().ID)
	}
	w := &pow.MerkleWork{Hashes: make([]pow.Hash, 3), Trees: []pow.MerkleTree{{Count: 1}, {First: 1, Count: 2}}, Roots: make([]pow.Hash, 2), Mutated: make([]bool, 2)}
	if w.Data, err = hex.DecodeString(firstTransaction); err != nil {
		return "", err
	}
	w.Messages = []pow.MerkleMessage{{Size: [3]uint32{uint32(len(w.Data))}}}
	header, err := pow.ParseHeader(genesis)
	if err != nil {
		return "", err
	}
	want := []pow.Hash{header.MerkleRoot, {}}
	for text, to := range map[string]*pow.Hash{block170First: &w.Hashes[1], block170Second: &w.Hashes[2], block170Root: &want[1]} {
		if *to, err = pow.ParseHash(text); err != nil {
			return "", err
		}
	}
	if err := m.Merkle(ctx, w); err != nil {
		return "", err
	}
	for i, number := range []int{0, 170} {
		if w.Roots[i] != want[i] || w.Mutated[i] {
			return "", fmt.Errorf("%w: Merkle root %v for Bitcoin's block %d, must be %v", engine.ErrWrong, w.Roots[i], number, want[i])
		}
	}
	return "the Merkle roots of Bitcoin's blocks 0 and 170", nil
}
